import subprocess
import time

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.papers.running import measure
from unfrozen.papers.running.measure import Meter, count_flops

SIZES = st.integers(1, 7)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@given(n=SIZES, k=SIZES, m=SIZES)
def test_a_matrix_product_takes_two_operations_a_term(mode, n, k, m):
    a, b = torch.ones(n, k), torch.ones(k, m)
    with mode():
        counted = count_flops(lambda: a @ b)
        batched = count_flops(lambda: torch.nn.functional.linear(a.expand(3, n, k), b.T))
    assert torch.equal(counted.result, torch.full((n, m), float(k)))
    assert counted.flops == 2 * n * k * m
    assert batched.flops == 3 * 2 * n * k * m


def test_a_backward_pass_takes_a_product_for_each_factor():
    a = torch.ones(2, 3, requires_grad=True)
    b = torch.ones(3, 5, requires_grad=True)
    assert count_flops(lambda: (a @ b).sum().backward()).flops == 3 * (2 * 2 * 3 * 5)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_fused_attention_counts_as_much_as_attention_written_out(mode):
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, length, 8) for length in (5, 7, 7))

    def written_out():
        return torch.softmax(q @ k.mT / 8**0.5, -1) @ v

    with mode():
        fused = count_flops(lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v))
        plain = count_flops(written_out)
    torch.testing.assert_close(fused.result, plain.result)
    assert fused.flops == plain.flops == 2 * (2 * 3 * 5 * 7) * (8 + 8)


def test_counting_leaves_a_real_architecture_alone_and_agrees_with_torch():
    from torch.utils.flop_counter import FlopCounterMode

    layer = torch.nn.Sequential(
        torch.nn.Conv1d(4, 6, 3), torch.nn.GELU(), torch.nn.Flatten(), torch.nn.Linear(48, 2)
    )
    x = torch.ones(3, 4, 10)
    before = layer(x)
    counted = count_flops(lambda: layer(x))
    with FlopCounterMode(display=False) as reference:
        layer(x)
    assert torch.equal(counted.result, before)
    assert counted.flops == reference.get_total_flops() > 0


def test_the_meter_measures_time_memory_and_operations():
    a = torch.ones(4, 4)
    with Meter() as meter:
        _ = a @ a
        with meter.uncounted():
            _ = a @ a
        _ = a @ a
        meter.add_flops(1000)
        block = torch.ones(50_000_000, dtype=torch.uint8)
        time.sleep(0.05)
    _ = a @ a
    assert meter.flops == 2 * (2 * 4**3) + 1000
    assert 0.05 <= meter.seconds < 10
    assert meter.peak_memory_bytes >= block.numel()
    assert meter.seconds == meter.seconds  # stands still once left


def test_a_meter_inside_a_meter_does_not_lower_its_peak():
    with Meter(count=False) as outer:
        block = bytearray(b"x" * 60_000_000)
        high = measure.peak_memory()
        del block
        with Meter(count=False):
            pass
    # The system's own counters of pages are exact to some hundred kilobytes.
    assert outer.peak_memory_bytes >= high - 2e6


def test_an_error_inside_leaves_no_counter_behind():
    meter = Meter()
    with pytest.raises(ZeroDivisionError), meter, meter.uncounted():
        _ = 1 / 0
    before = meter.flops
    _ = torch.ones(2, 2) @ torch.ones(2, 2)
    assert meter.flops == before == 0


def test_versions_and_machine_say_what_is_installed():
    import numpy

    found = measure.versions()
    assert found["torch"] == torch.__version__ or torch.__version__.startswith(found["torch"])
    assert found["numpy"] == numpy.__version__
    assert {"python", "unfrozen", "transformers"} <= set(found)
    machine = measure.machine()
    assert machine["torch_threads"] == torch.get_num_threads()
    assert machine["cores"] >= 1
    assert set(machine) == {
        "processor", "cores", "memory_bytes", "system", "torch_threads", "gpu",
    }  # fmt: skip


def _git(folder, *arguments):
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    run = subprocess.run(
        ["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return run.stdout.strip()


def test_the_commit_is_the_checkouts_with_a_flag_for_changes(tmp_path, monkeypatch):
    package = tmp_path / "src" / "unfrozen"
    package.mkdir(parents=True)
    monkeypatch.setattr(measure, "_PACKAGE_FOLDER", package)
    assert measure.commit() is None
    _git(tmp_path, "init", "-q")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "other"\n')
    assert measure.checkout() is None, "an environment inside another project's checkout"
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "unfrozen"\n')
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-q", "-m", "m")
    head = _git(tmp_path, "rev-parse", "HEAD")
    assert measure.commit() == head
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "unfrozen"\n# changed\n')
    assert measure.commit() == f"{head}-dirty"
