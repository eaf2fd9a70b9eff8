"""Tests of the workbench in a real browser, on the real model: ``make browser``."""
