#!/usr/bin/env python3
"""Every relative link in the Markdown files at the root and in docs/ leads to a file, and its #anchor to a heading there:
check_links.py ROOT"""
import pathlib
import re
import sys


def prose(file):
    """Its text without code blocks, and without brackets in inline code."""
    text = re.sub(r"^```.*?^```", "", file.read_text(), flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", lambda code: re.sub(r"[\[\]()]", "", code[0]), text)


def anchors(file):
    """As GitHub makes them of the headings: lower case, punctuation dropped, spaces become hyphens."""
    headings = re.findall(r"^#+ (.+)$", prose(file), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def wrong_links(file, root):
    for link in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", prose(file)):
        link = link[0] or link[1]
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (file.parent / path).resolve() if path else file
        if not target.is_relative_to(root) or not target.exists():
            yield f"{link}: there is no such file"
        elif anchor and anchor not in anchors(target):
            yield f"{link}: {target.name} has no such heading"


root = pathlib.Path(sys.argv[1]).resolve()
files = sorted(root.glob("*.md")) + sorted(root.glob("docs/*.md"))
wrong = [f"{file.relative_to(root)}: {problem}" for file in files for problem in wrong_links(file, root)]
print("\n".join(wrong) or f"every link in {len(files)} files leads somewhere")
sys.exit(bool(wrong) or not files)
