// Tabs by the pattern of the ARIA guide; the chosen one stands in the address, so a reload keeps it.
import { all, find } from "./dom.js";

export class Tabs {
  constructor(list) {
    this.tabs = all("[role=tab]", list);
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => this.choose(tab.dataset.tab));
      tab.addEventListener("keydown", (event) => this.#move(event));
    }
    addEventListener("hashchange", () => this.#read());
    this.#read();
  }

  #read() {
    const name = location.hash.slice(1);
    this.choose(this.tabs.some((tab) => tab.dataset.tab === name) ? name : this.tabs[0].dataset.tab, false);
  }

  choose(name, write = true) {
    for (const tab of this.tabs) {
      const chosen = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      find(`#${tab.getAttribute("aria-controls")}`).hidden = !chosen;
      if (chosen) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    if (write) history.replaceState(null, "", `#${name}`);
    document.dispatchEvent(new CustomEvent("tab", { detail: name }));
  }

  #move(event) {
    const at = this.tabs.indexOf(event.currentTarget);
    const last = this.tabs.length - 1;
    const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.choose(this.tabs[to].dataset.tab);
    this.tabs[to].focus();
  }
}
