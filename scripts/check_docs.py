#!/usr/bin/env python3
"""Documents: relative links in *.md lead somewhere, and every folder of the house has a README.md.

scripts/check_docs.py [ROOT]    prints file:line: what, and what to do. Ends with 1 if anything is wrong.
"""

import pathlib
import re
import sys

FOLDERS = ['alloc', 'core', 'wire', 'net', 'master', 'agent', 'sdk', 'cli', 'examples', 'bench', 'tests',
           'scripts', 'docs']
LINK = re.compile(r'\[[^\]]*\]\(\s*<?([^)\s>]+)')
CODE = re.compile(r'```.*?```|`[^`\n]*`', re.DOTALL)
HEADING = re.compile(r'^#+\s+(.*?)\s*#*$', re.MULTILINE)


def anchors(text):
    """The names that headings can be linked by, as web viewers of Markdown make them."""
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')
            for heading in HEADING.findall(text)}


def check_links(root, path):
    text = path.read_text()
    blank = CODE.sub(lambda match: re.sub(r'[^\n]', ' ', match.group()), text)
    for number, line in enumerate(blank.splitlines(), 1):
        for target in LINK.findall(line):
            if re.match(r'[a-z]+:', target):
                continue
            file, _, anchor = target.partition('#')
            goal = (path.parent / file) if file else path
            where = f'{path.relative_to(root).as_posix()}:{number}'
            if not goal.exists():
                yield f'{where}: the link to {target} leads nowhere; correct or remove it'
            elif anchor and goal.suffix == '.md' and anchor not in anchors(goal.read_text()):
                yield f'{where}: {file or path.name} has no heading #{anchor}'


def documents(root):
    for path in sorted(root.rglob('*.md')):
        parts = path.relative_to(root).parts
        if not {'build', 'node_modules', '.git'} & set(parts):
            yield path


def check(root):
    problems = [f'{folder}/README.md:1: missing; say what the folder is for, what it must not know, its '
                'files in reading order, its threads'
                for folder in FOLDERS
                if (root / folder).is_dir() and not (root / folder / 'README.md').exists()]
    paths = list(documents(root))
    for path in paths:
        problems += check_links(root, path)
    return problems, len(paths)


def main():
    problems, files = check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else '.'))
    print('\n'.join(problems) if problems else f'documents: {files} files, all links lead somewhere')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
