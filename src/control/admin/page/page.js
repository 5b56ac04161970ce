// The status page: asks this server alone, again and again, and shows what it says. Whatever others may have
// named (files, devices, certificates) becomes text, never markup.
"use strict";

const OFTEN = 5000;    // milliseconds between two looks at the figures
const SELDOM = 15000;  // at what is read from the store
const KEPT = 60;       // figures of a chart
const SOON = 30;       // days
const MOST_CERTIFICATES = 200;
const STATES = {
  accepted: "accepted the present one", given: "given it, not known to be accepted", behind: "hold an older one",
  unknown: "may hold one that is not kept", none: "hold none",
};

const find = (id) => document.getElementById(id);
const token = { get: () => sessionStorage.getItem("token"), set: (value) => sessionStorage.setItem("token", value) };
let lastFigures = null;
let failing = null;  // why the last question had no answer
const series = { files: [], questions: [] };

class Refused extends Error {}

async function ask(path) {
  const headers = token.get() ? { Authorization: `Bearer ${token.get()}` } : {};
  const answer = await fetch(path, { headers, cache: "no-store", signal: AbortSignal.timeout(10000) });
  find("token-form").hidden = answer.status !== 401;
  if (answer.status === 401) throw new Refused("it wants a token");
  return answer;
}

async function askJson(path) {
  const answer = await ask(path);
  const document = await answer.json();
  if (!answer.ok) throw new Error(document.error ?? `status ${answer.status}`);
  return document;
}

// An element with text, or with elements in it.
function element(name, content, className) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (Array.isArray(content)) made.append(...content);
  else made.textContent = content ?? "";
  return made;
}

function shape(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const time = (seconds) => new Date(seconds * 1000).toLocaleString();
const row = (...cells) => element("tr", cells.map((cell) => (cell instanceof Node ? cell : element("td", cell))));

// --- What is wrong

function showProblems({ problems, odd }) {
  find("problems").replaceChildren(...problems.lines.map((line) => element("li", line)));
  find("problems-none").textContent = problems.count === 0 ? "Nothing needs a person." : "";
  find("problems").closest("section").classList.toggle("bad", problems.count > 0);
  find("odd").replaceChildren(...odd.lines.map((line) => element("li", line)));
  find("odd-details").hidden = odd.count === 0;
  summary.problems = problems.count;
}

const summary = { problems: null, status: null };

function showSummary() {
  const at = find("summary");
  const { problems, status } = summary;
  let text = "Loading…";
  if (failing) text = `No answer: ${failing}. What is shown is from before.`;
  else if (status?.draining) text = "Draining: nothing new is accepted";
  else if (problems > 0) text = problems === 1 ? "1 thing needs a person" : `${problems} things need a person`;
  else if (problems === 0) text = "All is well";
  if (status && !failing) text += `, seen at ${new Date().toLocaleTimeString()}`;
  at.textContent = text;
  at.className = failing || problems > 0 || status?.draining ? "bad" : problems === 0 ? "good" : "";
}

function showFiles({ problems, problem_count: count }) {
  const rows = problems.map((one) => row(one.file, one.reason, one.served, time(one.since)));
  if (count > problems.length) rows.push(row(`${count - problems.length} more`, "", "", ""));
  find("files").replaceChildren(...rows);
  find("files-section").hidden = count === 0;
  find("files-section").classList.toggle("bad", count > 0);
}

// --- Lists

function showLists(lists) {
  const total = Object.keys(STATES).reduce((sum, state) => sum + lists[state], 0);
  let left = 0;
  const parts = [];
  for (const state of Object.keys(STATES)) {
    const width = total === 0 ? 0 : (100 * lists[state]) / total;
    if (width > 0) parts.push(shape("rect", { x: left, y: 0, width, height: 6, class: state }));
    left += width;
  }
  find("lists-bar").replaceChildren(...parts);
  find("lists-legend").replaceChildren(...Object.entries(STATES).map(([state, words]) => {
    const mark = shape("svg", { viewBox: "0 0 1 1", "aria-hidden": "true" });
    mark.append(shape("rect", { width: 1, height: 1, class: state }));
    return element("li", [mark, `${lists[state]} ${words}`]);
  }));
}

// --- Figures

// The samples of a metric by their labels.
function samples(text, name) {
  const found = [];
  for (const line of text.split("\n")) {
    if (!line.startsWith(name)) continue;
    const match = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match && match[1] === name) found.push({ labels: match[2] ?? "", value: Number(match[3]) });
  }
  return found;
}

const sum = (text, name) => samples(text, name).reduce((total, one) => total + one.value, 0);

function buckets(text, name) {
  const counts = new Map();
  for (const { labels, value } of samples(text, `${name}_bucket`)) {
    const bound = Number(/le="([^"]+)"/.exec(labels)[1].replace("+Inf", "Infinity"));
    counts.set(bound, (counts.get(bound) ?? 0) + value);
  }
  return counts;
}

// The bound that 95 of 100 did not exceed between two looks.
function slowest(now, before) {
  const counts = [...now].map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)]).sort((a, b) => a[0] - b[0]);
  const total = counts.at(-1)?.[1] ?? 0;
  if (total <= 0) return "";
  const [bound] = counts.find(([, count]) => count >= 0.95 * total);
  if (bound === Infinity) return "more than 60 s for some";
  return `95 of 100 within ${bound < 1 ? `${bound * 1000} ms` : `${bound} s`}`;
}

function figures(text) {
  return {
    at: performance.now(),
    files: sum(text, "anchord_http_completed_total") + sum(text, "anchord_tftp_completed_total"),
    questions: ["valid", "invalid"].reduce((total, what) => total + sum(text, `anchord_tvs_verify_${what}_total`), 0)
      + ["found", "not_found"].reduce((total, what) => total + sum(text, `anchord_tvs_query_${what}_total`), 0),
    fileTimes: buckets(text, "anchord_http_answer_seconds"),
    transferTimes: buckets(text, "anchord_tftp_transfer_seconds"),
    questionTimes: buckets(text, "anchord_tvs_answer_seconds"),
  };
}

function drawChart(name, values) {
  const most = Math.max(1, ...values);
  const points = values.map((value, i) => `${(100 * (i + KEPT - values.length)) / (KEPT - 1)},${29 - (28 * value) / most}`);
  find(`${name}-chart`).replaceChildren(shape("polyline", { points: points.join(" ") }));
  find(`${name}-rate`).textContent = Math.round(values.at(-1)).toLocaleString();
}

function showFigures(now) {
  const before = lastFigures;
  lastFigures = now;
  if (!before || now.files < before.files || now.questions < before.questions) return;  // or it was started anew
  const minutes = (now.at - before.at) / 60000;
  for (const name of ["files", "questions"]) {
    series[name].push((now[name] - before[name]) / minutes);
    series[name] = series[name].slice(-KEPT);
    drawChart(name, series[name]);
  }
  const told = [["HTTP", "fileTimes"], ["TFTP", "transferTimes"]].map(([what, times]) => [what, slowest(now[times], before[times])]);
  find("files-latency").textContent = told.filter(([, text]) => text).map(([what, text]) => `${what}: ${text}`).join("; ");
  find("questions-latency").textContent = slowest(now.questionTimes, before.questionTimes);
}

// --- Certificates, changes

function showCertificates({ certificates }) {
  const soonest = certificates.toSorted((a, b) => a.days_left - b.days_left);
  find("certificates").replaceChildren(...soonest.slice(0, MOST_CERTIFICATES).map((one) => {
    const level = one.days_left < 0 ? "ended" : one.days_left < SOON ? "soon" : "";
    const days = element("td", one.days_left < 0 ? `ended (${one.days_left})` : String(one.days_left), `number ${level}`);
    const own = one.own ? ` – own, of ${one.own}` : one.retired ? ` – was ${one.retired.service}` : "";
    return row(days, one.subject + own, one.roles.join(", "));
  }));
  const left = soonest.length - MOST_CERTIFICATES;
  find("certificates-more").textContent = left > 0 ? `${left} more: anchorctl cert list` : "";
}

function showAudit({ entries }) {
  find("audit").replaceChildren(...entries.map((one) =>
    row(one.time, one.who, one.forced ? `${one.what} (by force)` : one.what)));
}

// --- A phone

function facts(value, path = "") {
  if (value === null) return [];
  if (Array.isArray(value)) return value.length === 0 ? [] : [[path, value.join(", ")]];
  if (typeof value !== "object") return [[path, String(value)]];
  return Object.entries(value).flatMap(([name, part]) => facts(part, path ? `${path} ${name}` : name));
}

async function findPhone(event) {
  event.preventDefault();
  const at = find("phone");
  try {
    const phone = await askJson(`/api/v1/phones/${encodeURIComponent(find("phone-name").value.trim())}`);
    const list = element("dl", facts(phone).flatMap(([name, value]) =>
      [element("dt", name.replaceAll("_", " ")), element("dd", value)]));
    at.replaceChildren(list);
  } catch (error) {
    at.replaceChildren(element("p", error.message));
  }
}

// --- Again and again

async function lookOften() {
  const [status, metrics] = await Promise.all([askJson("/api/v1/status"), ask("/metrics").then((answer) => answer.text())]);
  summary.status = status;
  find("host").textContent = `${status.host}, ${status.version}, ${status.mode}`;
  showFiles(status.provisioning);
  showFigures(figures(metrics));
}

async function lookSeldom() {
  const [problems, lists, certificates, audit] = await Promise.all(
    ["problems", "lists", "certificates", "audit?limit=20"].map((what) => askJson(`/api/v1/${what}`)));
  showProblems(problems);
  showLists(lists);
  showCertificates(certificates);
  showAudit(audit);
}

let wake = () => {};
const pause = (millis) => new Promise((done) => { wake = done; setTimeout(done, millis); });

async function run() {
  let seldomDue = 0;
  for (;;) {
    try {
      await lookOften();
      if (performance.now() >= seldomDue) {
        await lookSeldom();
        seldomDue = performance.now() + SELDOM;
      }
      failing = null;
    } catch (error) {
      failing = error instanceof Refused ? error.message : `${error.message}`.toLowerCase();
      seldomDue = 0;
    }
    showSummary();
    await pause(OFTEN);
  }
}

find("phone-form").addEventListener("submit", findPhone);
find("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token.set(find("token").value);
  wake();
});
run();
