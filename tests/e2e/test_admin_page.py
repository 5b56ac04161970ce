"""The status page in a real browser: it loads, goes on, finds a phone, shows what is broken, and survives hostile names."""

import urllib.parse

import harness
from browser import Browser
from harness import Case
from test_admin import TOKEN, Admin, Keyed, fetch

HOSTILE = "<script>document.title='owned'</script>"

# What somebody needs who does not see it: names, headings, and colours that can be told apart.
ACCESSIBILITY = r"""
const wrong = [];
const name = (e) => (e.getAttribute("aria-label") || (e.getAttribute("aria-labelledby") || "").split(" ")
    .map((id) => document.getElementById(id)?.innerText ?? "").join(" ") || e.labels?.[0]?.innerText || e.innerText || "").trim();
if (!document.documentElement.lang) wrong.push("the page has no language");
if (!document.title) wrong.push("the page has no title");
if (document.querySelectorAll("h1").length !== 1) wrong.push("there is not one h1");
if (!document.querySelector("main")) wrong.push("there is no main");
for (const e of document.querySelectorAll("input, button, a, svg[role=img], section, [role=region]"))
  if (!name(e)) wrong.push(`<${e.tagName}> ${e.id} has no name`);
for (const table of document.querySelectorAll("table"))
  if (![...table.querySelectorAll("thead th")].every((th) => th.scope === "col")) wrong.push("a table's heads have no scope");
const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
if (new Set(ids).size !== ids.length) wrong.push("two elements have one id");
const colour = (text) => text.match(/[\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (e) => { for (; e; e = e.parentElement) { const c = colour(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
for (const e of document.querySelectorAll("body *")) {
  if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.offsetParent) continue;
  const [a, b] = [light(colour(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
  if ((a + 0.05) / (b + 0.05) < 4.5) wrong.push(`'${e.innerText.slice(0, 30)}' has too little contrast`);
}
return wrong;
"""


def url(service, scheme="http"):
    return f"{scheme}://127.0.0.1:{service.admin[1]}/"


class Page(Case):
    def test_it_loads_and_goes_on(self):
        with Admin(self.state) as service, Browser() as browser:
            browser.open(url(service))
            browser.wait_for("summary", "thing needs a person")  # there is no backup
            self.assertIn("no backup holds the present TFTP key", browser.text("problems"))
            self.assertIn("cucm1", browser.text("host"))
            browser.wait_for("files-rate", "0")
            for _ in range(50):
                fetch(service, "/ITLFile.tlv")
            harness.wait_for(lambda: any(float(p.split(",")[1]) < 20 for p in browser.run(
                "return [...document.querySelectorAll('#files-chart polyline')].map((e) => e.getAttribute('points'))")[0].split()),
                "the chart moves")
            self.assertIn("made the cluster", browser.text("audit"))
            self.assertIn("own, of tvs", browser.text("certificates"))
            # Nothing is asked of anybody else, and nothing of the page is against its own policy.
            asked = browser.run("return performance.getEntriesByType('resource').map((e) => new URL(e.name).origin)")
            self.assertEqual({url(service)[:-1]}, set(asked))
            self.assertEqual([], browser.complaints())

    def test_it_shows_a_broken_file_and_that_it_is_good_again(self):
        broken = self.state / "provisioning/SEP001122334455.cnf.xml"
        with Admin(self.state) as service, Browser() as browser:
            browser.open(url(service))
            browser.wait_for("summary", "a person")
            self.assertTrue(browser.run("return document.getElementById('files-section').hidden"))
            broken.write_text("<device>\n<a></b></device>")
            harness.wait_for(lambda: browser.run("return !document.getElementById('files-section').hidden"), "it is shown")
            self.assertIn("SEP001122334455.cnf.xml", browser.text("files"))
            self.assertIn("line 2", browser.text("files"))
            broken.write_text("<device></device>")
            harness.wait_for(lambda: browser.run("return document.getElementById('files-section').hidden"), "it is gone")

    def test_it_finds_a_phone(self):
        self.ctl("phone", "add", "SEP001122334455", "--model", "8861")
        with Admin(self.state) as service, Browser() as browser:
            browser.open(url(service))
            browser.type("phone-name", "00:11:22:33:44:55\n")
            browser.wait_for("phone", "8861")
            self.assertIn("SEP001122334455", browser.text("phone"))
            browser.run("document.getElementById('phone-name').value = ''")
            browser.type("phone-name", "SEPAABBCCDDEEFF\n")
            browser.wait_for("phone", "there is no phone 'SEPAABBCCDDEEFF'")
            browser.run("document.getElementById('phone-name').value = ''")
            browser.type("phone-name", HOSTILE + "\n")
            browser.wait_for("phone", "is no phone's name")

    def test_hostile_names_are_text(self):
        folder = self.state / "provisioning"
        for hostile in ("<script>alert(1)<", "<img src=x onerror=alert(1)>"):
            (folder / hostile).mkdir()
            (folder / hostile / "SEP001122334455.cnf.xml").write_text("<device>")
        with Admin(self.state) as service, Browser() as browser:
            fetch_any(service, "/SEP" + urllib.parse.quote(HOSTILE) + ".cnf.xml")
            browser.open(url(service))
            browser.wait_for("files", "<script>alert(1)</SEP001122334455.cnf.xml")
            browser.wait_for("summary", "a person")
            browser.wait_for("files", "<img src=x onerror=alert(1)>/SEP001122334455.cnf.xml")
            self.assertEqual("Anchord", browser.run("return document.title"))
            self.assertEqual(1, browser.run("return document.querySelectorAll('script').length"))
            self.assertEqual(0, browser.run("return document.querySelectorAll('img').length"))
            self.assertEqual([], browser.complaints())

    def test_it_fits_a_telephone_and_can_be_read(self):
        for dark in (False, True):
            with self.subTest(dark=dark), Admin(self.state) as service, Browser(390, 800, dark) as browser:
                browser.open(url(service))
                browser.wait_for("summary", "a person")
                self.assertEqual([], browser.run(ACCESSIBILITY))
                self.assertTrue(browser.run("return document.documentElement.scrollWidth <= innerWidth"))
                self.assertEqual(dark, browser.run("return matchMedia('(prefers-color-scheme: dark)').matches"))

    def test_it_says_that_the_service_has_gone_and_is_back(self):
        with Admin(self.state) as service, Browser() as browser:
            browser.open(url(service))
            browser.wait_for("summary", "a person")
            address = f"127.0.0.1:{service.admin[1]}"
            service.stop()
            browser.wait_for("summary", "No answer")
            with Admin(self.state, address=address):
                browser.wait_for("summary", "a person")


def fetch_any(service, path):
    """Asks for a file, whatever comes of it."""
    try:
        fetch(service, path)
    except AssertionError:
        pass


class Guarded(Keyed):
    def test_it_asks_for_the_token(self):
        self.make_pair()
        with Admin(self.state, "--admin-tls", self.folder / "pem", "--admin-token", self.make_token()) as service, \
                Browser() as browser:
            browser.open(url(service, "https"))
            browser.wait_for("summary", "it wants a token")
            browser.type("token", TOKEN + "\n")
            browser.wait_for("summary", "a person")
