"""Makes docs/phone_photos.jpg: the page that ``region-heads import`` writes, at the width of a desk and of a phone.

python -m dev.phone_pictures        # needs chromium on PATH
"""

import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from examples import phone_photos
from region_heads.cli.import_data import import_data
from region_heads.labelling.choices import PAGE, Tool

DESK, PHONE = (1120, 900), (390, 900)
TARGET = Path(__file__).resolve().parents[1] / "docs" / "phone_photos.jpg"


def main() -> None:
    """Draws the photos, imports them, and puts both views beside each other."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        phone_photos.write(folder / "walk")
        import_data([folder / "walk" / "export.json"], folder / "mine", Tool.LABEL_STUDIO, pictures=folder / "walk")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        views = []
        for width, height in (DESK, PHONE):
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto((folder / "mine" / PAGE).as_uri())
            page.screenshot(path=folder / f"{width}.png")
            views.append(Image.open(folder / f"{width}.png").convert("RGB"))
        browser.close()
        both = Image.new("RGB", (DESK[0] + PHONE[0] + 24, DESK[1]), "white")
        both.paste(views[0], (0, 0))
        both.paste(views[1], (DESK[0] + 24, 0))
        both.resize((both.width * 3 // 4, both.height * 3 // 4)).save(TARGET, quality=82)


if __name__ == "__main__":
    main()
