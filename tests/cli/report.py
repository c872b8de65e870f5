#!/usr/bin/env python3
"""report.py [--pictures DIR] REPORT.html...: whether reports look right in a browser.

Opens each in headless Chromium, 1280 and 400 pixels wide, light and dark, and prints a line for each defect: an error
on the console, a chart that is not drawn, texts that overlap, stick out, are too small or too pale, a page that
scrolls sideways. report.py --self-test: whether each of these defects is found in a page that has it. Ends with 1 for
defects and with 77 where there is no Chromium. With --pictures, what was seen is left as PNG files. Needs only
Python's standard library: it speaks the DevTools protocol (https://chromedevtools.github.io/devtools-protocol) over
two pipes.
"""
import argparse
import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import time

# A function of the window's width; returns the defects of the page that is open, as a list of sentences. innerWidth
# would not do: on a telephone it grows with what is too wide.
LOOK = r"""(WIDTH => {
  const found = [], say = text => found.push(text);
  const name = chart => `"${chart.getAttribute('aria-label') || 'a chart without a name'}"`;
  const rgb = colour => (colour.match(/[\d.]+/g) || []).map(Number);
  const luminance = colour => rgb(colour).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (a, b) => { // WCAG 2.1
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const paper = getComputedStyle(document.body).backgroundColor;
  const charts = [...document.querySelectorAll('svg.chart')];
  if (!charts.length) say('no chart');
  for (const chart of charts) {
    const frame = chart.getBoundingClientRect();
    if (!(frame.width > 0 && frame.height > 0)) { say(`${name(chart)} has no size`); continue; }
    const scale = frame.width / chart.viewBox.baseVal.width;
    const texts = [...chart.querySelectorAll('text')].map(text => ({
      words: text.textContent, box: text.getBoundingClientRect(), style: getComputedStyle(text)}));
    const marks = [...chart.querySelectorAll('.line, .band, .bar, .dot, .point, .cells rect')].filter(mark => {
      const box = mark.getBoundingClientRect();
      return box.width > 0 || box.height > 0;
    });
    if (!marks.length && !texts.some(text => text.words === 'no data')) say(`${name(chart)} is empty`);
    for (const mark of chart.querySelectorAll('.line, .bar, .dot')) {
      const style = getComputedStyle(mark), colour = mark.matches('.line') ? style.stroke : style.fill;
      if (rgb(colour).length < 3 || contrast(colour, paper) < 3)
        say(`${name(chart)}: ${mark.tagName} of ${colour} is too pale`);
    }
    for (const {words, box, style} of texts) {
      if (box.left < frame.left - 1 || box.right > frame.right + 1 ||
          box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
        say(`${name(chart)}: "${words}" sticks out`);
      if (parseFloat(style.fontSize) * scale < 8)
        say(`${name(chart)}: "${words}" is only ${(parseFloat(style.fontSize) * scale).toFixed(1)} pixels high`);
      if (contrast(style.fill, paper) < 4.5) say(`${name(chart)}: "${words}" is too pale`);
    }
    texts.forEach((a, i) => texts.slice(i + 1).forEach(b => {
      const wide = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
      const high = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
      if (wide > 1 && high > 1) say(`${name(chart)}: "${a.words}" and "${b.words}" overlap`);
    }));
  }
  for (const picture of document.images) if (!picture.naturalWidth) say(`the picture "${picture.alt}" is not shown`);
  const page = document.documentElement;
  if (page.scrollWidth > WIDTH) say(`the page is ${page.scrollWidth} pixels wide and scrolls sideways`);
  return found;
})"""


class Browser:
    """Chromium with one tab."""

    def __init__(self, program, folder):
        to_child, self.out = os.pipe()
        self.into, from_child = os.pipe()
        command = [program, "--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--hide-scrollbars",
                   "--no-first-run", f"--user-data-dir={folder}"]
        if os.geteuid() == 0:
            command.append("--no-sandbox")  # Chromium refuses to run as root with it

        def connect():  # Chromium reads from 3 and writes to 4
            ends = [os.dup(to_child), os.dup(from_child)]
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self.process = subprocess.Popen(command, preexec_fn=connect, close_fds=False, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_child)
        os.close(from_child)
        self.rest, self.number, self.session, self.errors, self.loaded = b"", 0, None, [], False
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(domain + ".enable")

    def close(self):
        self.process.terminate()
        self.process.wait()

    def receive(self, seconds=60):
        deadline = time.monotonic() + seconds
        while b"\0" not in self.rest:
            if not select.select([self.into], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"Chromium said nothing for {seconds} seconds")
            more = os.read(self.into, 1 << 16)
            if not more:
                raise RuntimeError("Chromium has ended")
            self.rest += more
        message, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(message)
        method, params = message.get("method"), message.get("params", {})
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]).split("\n")[0])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.errors.append(" ".join(str(a.get("value", a.get("description"))) for a in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"] + " " + params["entry"].get("url", ""))
        return message

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def look(self, path, width, scheme, picture=None):
        """The defects of a page."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1,
                  mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.errors, self.loaded = [], False
        self.call("Page.navigate", url=pathlib.Path(path).resolve().as_uri())
        while not self.loaded:
            self.receive()
        answer = self.call("Runtime.evaluate", expression=f"{LOOK}({width})", returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"]["description"])
        if picture:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"x": 0, "y": 0, "width": width, "height": size["height"], "scale": 1}
            shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
            pathlib.Path(picture).write_bytes(base64.b64decode(shot["data"]))
        return [f"console: {error}" for error in self.errors] + answer["result"]["value"]


def look_at_all(browser, reports, pictures):
    """Prints the defects and returns how many there are."""
    count = 0
    for report in reports:
        path = pathlib.Path(report).resolve()
        for width in (1280, 400):
            for scheme in ("light", "dark"):
                picture = pictures and os.path.join(pictures, f"{path.parent.name}-{path.stem}-{width}-{scheme}.png")
                defects = browser.look(report, width, scheme, picture)
                for defect in defects:
                    print(f"{report}, {width} pixels, {scheme}: {defect}")
                count += len(defects)
        print(f"{report}: looked at 1280 and 400 pixels wide, light and dark")
    return count


def chart(marks, width=480):
    return (f'<svg class="chart" aria-label="test" viewBox="0 0 {width} 100" width="100%">'
            f'<style>text{{font:13px sans-serif;fill:#222}}</style>{marks}</svg>')


LINE = '<path class="line" d="M10 90L400 10" style="stroke:#00f"/>'
# A page, and a part of what must be said of it; nothing of the first.
SELF_TEST = [
    (chart(LINE + '<text x="10" y="20">one</text><text x="10" y="40">two</text>'), None),
    (chart('<text x="200" y="50">no data</text>'), None),
    (chart(LINE + '<text x="10" y="20">one</text><text x="20" y="24">two</text>'), '"one" and "two" overlap'),
    (chart(LINE) + "<script>throw new Error('oh')</script>", "console: Error: oh"),
    (chart(LINE) + "<script>console.error('oh')</script>", "console: oh"),
    (chart(LINE) + '<img alt="none" src="nowhere.png">', "console: Failed to load"),
    (chart(LINE) + '<img alt="none" src="data:image/png;base64,AAAA">', 'the picture "none" is not shown'),
    (chart(LINE + '<text x="460" y="50">to the right</text>'), '"to the right" sticks out'),
    (chart(LINE + '<text x="10" y="5">above</text>'), '"above" sticks out'),
    (chart(LINE + '<text x="10" y="50">small</text>', 900), '"small" is only'),
    (chart(LINE + '<text x="10" y="50" style="fill:#bbb">pale</text>'), '"pale" is too pale'),
    (chart('<path class="line" d="M10 90L400 10" style="stroke:#ccc"/>'), "path of rgb(204, 204, 204) is too pale"),
    (chart('<path class="axis" d="M10 90L400 10"/>'), '"test" is empty'),
    (chart(LINE).replace('width="100%"', 'width="0"'), '"test" has no size'),
    ("<p>text</p>", "no chart"),
    (chart(LINE) + '<div style="width:1400px">wide</div>', "scrolls sideways"),
]


def self_test(browser, folder):
    """Returns how many pages were judged wrongly."""
    wrong = 0
    for number, (body, expected) in enumerate(SELF_TEST):
        page = pathlib.Path(folder) / f"{number}.html"
        page.write_text('<!doctype html><meta name="viewport" content="width=device-width">'
                        f'<body style="margin:0;background:#fff">{body}</body>')
        defects = browser.look(page, 400, "light")
        if (expected is None and defects) or (expected is not None and not any(expected in d for d in defects)):
            print(f"self-test, page {number}: expected {expected}, got {defects}")
            wrong += 1
    print(f"self-test: {len(SELF_TEST) - wrong} of {len(SELF_TEST)} pages judged right")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("reports", nargs="*")
    parser.add_argument("--pictures", metavar="DIR")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if not options.reports and not options.self_test:
        parser.error("no report is named")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not program:
        print("skipped: there is no Chromium")
        return 77
    if options.pictures:
        os.makedirs(options.pictures, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(program, os.path.join(folder, "profile"))
        try:
            count = self_test(browser, folder) if options.self_test else 0
            count += look_at_all(browser, options.reports, options.pictures)
        finally:
            browser.close()
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
