// The page Memory: patterns that fall into what is stored, and heads as memories.
import { find } from "../../shared/dom.js";
import { fault } from "../../shared/errors.js";
import { jobsOf } from "../../shared/job.js";
import { Tabs } from "../../shared/tabs.js";
import { Where } from "../../shared/where.js";
import { heads } from "./heads.js";
import { recall } from "./recall.js";

const where = new Where(find("#where"), find("#where-note"));
new Tabs(find(".tabs"));
const looking = heads(where);

try {
  await recall();
  await looking.resume(await jobsOf("memory"));
  document.body.dataset.ready = "";
  await where.load();
} catch (error) {
  fault(find("#where-note"), error);
}
document.body.dataset.ready = "";
