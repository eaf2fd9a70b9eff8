// Log: the entries of the chosen workspace, each of which can be taken back.
import { get, hear, post, tell, upload } from "../../shared/api.js";
import { fill, find, h } from "../../shared/dom.js";
import { attempt } from "../../shared/errors.js";
import { measures } from "./edit.js";

const when = (at) => `${at.slice(0, 10)} ${at.slice(11, 16)}`;

export function log({ where }) {
  const place = find("#log-found");
  const wrong = find("#log-fault");

  async function load() {
    if (!where.workspace) return fill(place, h("p", { class: "empty" }, "Choose a workspace: its edits stand here, each of which can be taken back."));
    const found = await attempt(wrong, () => get("/api/knowledge/log", { workspace: where.workspace.name }));
    if (found) show(found);
  }

  async function act(what, entry) {
    const found = await attempt(wrong, () => post(`/api/knowledge/${what}`, { workspace: where.workspace.name, entry }));
    if (!found) return;
    show(found);
    find(`[data-entry="${entry}"] button`)?.focus();
    await where.load();
    tell("states");
  }

  function show(found) {
    choices(found);
    if (found.entries.length === 0) return fill(place, h("p", { class: "empty" }, "The log is empty: the tab Edit writes its first entry."));
    const head = ["Entry", "Written (UTC)", "Name", "What", "State", ""];
    fill(
      place,
      h(
        "div",
        { class: "wide", tabindex: "0", role: "region", "aria-label": "Log" },
        h(
          "table",
          { class: "cards" },
          h("thead", {}, h("tr", {}, head.map((title) => h("th", { scope: "col", class: title === "Entry" ? "number" : "" }, title || h("span", { class: "soft" }, "Action"))))),
          h("tbody", {}, found.entries.toReversed().flatMap((entry) => row(entry))),
        ),
      ),
    );
  }

  function row(entry) {
    const active = entry.state === "active";
    const measured = entry.effect?.before && entry.effect?.after;
    const name = `${where.workspace.name === "." ? "change" : where.workspace.name}-${entry.number}.safetensors`;
    return h(
      "tr",
      { class: active ? "" : "reverted", "data-entry": entry.number },
      h("td", { class: "number", "data-label": "Entry" }, String(entry.number)),
      h("td", { "data-label": "Written" }, when(entry.at)),
      h("td", { "data-label": "Name" }, entry.name, h("div", { class: "soft small mono" }, entry.id.slice(0, 8))),
      h("td", { "data-label": "What" }, h("span", { class: "what" }, entry.what || "–"), measured && entry.effect.before.efficacy && h("details", {}, h("summary", {}, "Effect"), measures(entry.effect.before, entry.effect.after))),
      h("td", { "data-label": "State" }, h("span", { class: `mark ${active ? "yes" : "plain"}` }, entry.state)),
      h(
        "td",
        { class: "act" },
        h(
          "div",
          { class: "line" },
          active
            ? h("button", { type: "button", onclick: () => act("revert", entry.number) }, "Revert")
            : h("button", { type: "button", onclick: () => act("restore", entry.number) }, "Restore"),
          !entry.reverts && h("a", { class: "small", download: name, href: `/api/knowledge/export?${new URLSearchParams({ workspace: where.workspace.name, entry: entry.number })}` }, "Export"),
        ),
      ),
    );
  }

  function choices(found) {
    const select = find("#diff-entry");
    const chosen = select.value;
    fill(select, h("option", { value: "" }, "the base and now"), found.entries.map((entry) => h("option", { value: String(entry.number) }, `before and after entry ${entry.number}: ${entry.name}`)));
    select.value = [...select.options].some((option) => option.value === chosen) ? chosen : "";
  }

  find("#import-file").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    const found = await attempt(wrong, () => {
      if (!where.workspace) throw new Error("a change is imported into a workspace: choose one");
      return upload("/api/knowledge/import", { workspace: where.workspace.name, name: file.name }, file);
    });
    event.target.value = "";
    if (!found) return;
    show(found);
    await where.load();
    tell("states");
  });
  where.addEventListener("change", load);
  hear("states", load);
}
