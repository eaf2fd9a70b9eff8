// Runs before anything is painted, so that no page flashes in the other theme.
{
  const wanted = localStorage.getItem("unfrozen-theme") ?? "system";
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = wanted === "system" ? (dark ? "dark" : "light") : wanted;
}
