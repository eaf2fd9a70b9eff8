// The frame: the switch of the theme, and the navigation's own scrolling on a phone.
const ORDER = ["system", "light", "dark"];
const KEY = "unfrozen-theme";
const dark = matchMedia("(prefers-color-scheme: dark)");
const button = document.getElementById("theme");

const wanted = () => localStorage.getItem(KEY) ?? "system";

function show() {
  const chosen = wanted();
  const theme = chosen === "system" ? (dark.matches ? "dark" : "light") : chosen;
  button.textContent = `Theme: ${chosen}`;
  if (document.documentElement.dataset.theme === theme) return;
  document.documentElement.dataset.theme = theme;
  document.dispatchEvent(new CustomEvent("theme"));
}

button.addEventListener("click", () => {
  localStorage.setItem(KEY, ORDER[(ORDER.indexOf(wanted()) + 1) % ORDER.length]);
  show();
});
dark.addEventListener("change", show);
addEventListener("storage", (event) => event.key === KEY && show());
show();

const here = document.querySelector(".top nav [aria-current]");
here?.scrollIntoView({ block: "nearest", inline: "center" });
