"""A headless Chromium, driven by WebDriver's protocol (https://www.w3.org/TR/webdriver2/), Debian's chromium-driver."""

import base64
import json
import pathlib
import re
import select
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import harness

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """One page. What goes wrong in the browser is an AssertionError."""

    def __init__(self, width=1200, height=900, dark=False):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=harness.scratch()))
        self.driver = subprocess.Popen([harness.client("chromedriver"), "--port=0"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=self.folder,
                                       env={**harness.environment(), "HOME": str(self.folder)})
        try:
            self.url = f"http://127.0.0.1:{self._port()}"
            arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
                         "--disable-background-networking", "--disable-component-update", "--ignore-certificate-errors",
                         f"--user-data-dir={self.folder / 'profile'}", f"--window-size={width},{height}"]
            if dark:
                arguments.append("--blink-settings=preferredColorScheme=0")
            made = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": {"args": arguments, "binary": harness.client("chromium")},
                "goog:loggingPrefs": {"browser": "ALL"}}}})
            self.session = f"/session/{made['sessionId']}"
        except BaseException:
            self.close()
            raise

    def _port(self):
        end, said = time.monotonic() + harness.BOUND, ""
        while not (found := re.search(r"started successfully on port (\d+)", said)):
            readable, _, _ = select.select([self.driver.stdout], [], [], max(0, end - time.monotonic()))
            line = self.driver.stdout.readline().decode() if readable else ""
            if not line:
                raise AssertionError(f"chromedriver does not start: {said}")
            said += line
        return int(found[1])

    def _ask(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=harness.BOUND) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"]) from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if hasattr(self, "session"):
            self._ask("DELETE", self.session)
        self.driver.terminate()
        try:
            self.driver.wait(timeout=harness.BOUND)
        except subprocess.TimeoutExpired:
            self.driver.kill()
            self.driver.wait()
        self.driver.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def open(self, url):
        self._ask("POST", self.session + "/url", {"url": url})

    def run(self, script, *arguments):
        """What a script returns."""
        return self._ask("POST", self.session + "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, identifier):
        """What is shown of an element."""
        return self.run("return document.getElementById(arguments[0]).innerText", identifier)

    def wait_for(self, identifier, words):
        harness.wait_for(lambda: words in self.text(identifier), f"{identifier} shows {words!r}")

    def type(self, identifier, text):
        found = self._ask("POST", self.session + "/element", {"using": "css selector", "value": f"#{identifier}"})[ELEMENT]
        self._ask("POST", f"{self.session}/element/{found}/value", {"text": text})

    def complaints(self):
        """What the browser's console has, a refused resource or script included."""
        return [entry["message"] for entry in self._ask("POST", self.session + "/se/log", {"type": "browser"})
                if entry["level"] == "SEVERE"]

    def picture(self, path):
        pathlib.Path(path).write_bytes(base64.b64decode(self._ask("GET", self.session + "/screenshot")))
