"""Takes docs/images/report.png, the picture of a report in README.md: `python docs/picture.py`.

Solves the capstone with its frontier and opens the page in headless Chromium; needs the extra `test`, Chromium and
chromedriver.
"""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

IMAGE = Path(__file__).parent / "images" / "report.png"
WIDTH, HEIGHT = 1200, 1310


def main() -> None:
    """Solve, open, take."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "capstone.html"
        code = "from reports.cli import main; main()"
        words = [sys.executable, "-c", code, "report", "capstone", "--html", str(page), "--frontier", "8", "-q"]
        subprocess.run(words, check=True)
        taken(page)


def taken(page: Path) -> None:
    """The upper part of a page as it stands on a desk."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(page.as_uri())
        shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    finally:
        browser.quit()
    IMAGE.parent.mkdir(exist_ok=True)
    whole = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
    whole.quantize(128).save(IMAGE, optimize=True)


if __name__ == "__main__":
    main()
