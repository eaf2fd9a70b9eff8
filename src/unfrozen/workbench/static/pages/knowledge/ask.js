// Ask: the likeliest next tokens, of a state and of its base.
import { fill, find, h, refill, token, values } from "../../shared/dom.js";
import { JobView } from "../../shared/job.js";

/** Next tokens as bars, and the text that follows. */
export function answer(said, title = said.state) {
  return h(
    "section",
    { class: "stack" },
    h("h3", {}, title),
    h(
      "ul",
      { class: "bars", "aria-label": `Next tokens, ${title}` },
      said.top.map((one) => {
        const bar = h("span", {});
        bar.style.width = `${100 * one.probability}%`;
        return h(
          "li",
          {},
          h("span", { class: "name", title: one.text }, token(one.text)),
          h("span", { class: "track", "aria-hidden": "true" }, bar),
          h("span", { class: "value" }, one.probability.toFixed(4)),
        );
      }),
    ),
    said.written && h("div", {}, h("p", { class: "label" }, "It goes on"), h("p", { class: "quote" }, said.written.trim())),
  );
}

export function ask({ where }) {
  const form = find("#ask-form");
  const view = new JobView(find("#ask-job"), "ask", {
    button: find("button.main", form),
    onResult: ({ prompt, answer: said, base }) =>
      fill(
        find("#ask-found"),
        h("div", { class: "stack" }, h("p", { class: "quote" }, `${prompt} …`), h("div", { class: "pair" }, answer(said), base && answer(base))),
      ),
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    view.start("/api/knowledge/ask", { ...values(form), ...where.asked });
  });
  return { resume: async (jobs) => refill(form, (await view.resume(jobs)) ?? {}) };
}
