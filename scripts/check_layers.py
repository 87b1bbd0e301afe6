#!/usr/bin/env python3
"""Checks layers.txt: who may include whom, who may see which outside header, who may say which word.

scripts/check_layers.py [ROOT]    prints file:line: what, and what to do. Ends with 1 if anything is wrong.
"""

import fnmatch
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
# Comments and literals. Raw strings first: they may hold anything.
NOISE = re.compile(
    r'R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'|//[^\n]*|/\*.*?\*/',
    re.DOTALL)


class Rules:
    """layers.txt, read."""

    def __init__(self, path):
        self.folders = {}  # folder -> set of folders and files
        self.headers = []  # (pattern, [file patterns])
        self.words = []    # (name, regex, [file patterns], advice)
        section = ''
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not line.strip() or line.startswith('#'):
                continue
            if line.startswith('['):
                section = line.strip('[] \t')
            elif section == 'folders':
                name, allowed = line.split(':')
                self.folders[name.strip()] = set(allowed.split())
            elif section == 'headers':
                names, files = line.split(' :', 1)
                self.headers += [(name, files.split()) for name in names.split()]
            elif section == 'words':
                fields = line.split(' | ')
                if len(fields) != 4:
                    self.fail(path, number)
                name, expression, files, advice = (field.strip() for field in fields)
                self.words.append((name, re.compile(expression), files.split(), advice))
            else:
                self.fail(path, number)

    @staticmethod
    def fail(path, number):
        sys.exit(f'{path}:{number}: not a rule; see the comments in the file')


def matches(path, patterns):
    return any(fnmatch.fnmatchcase(path, p) or path.startswith(p + '/') for p in patterns)


def code_of(text):
    """The text without comments and literals, with its line breaks."""
    return NOISE.sub(lambda match: '\n' * match.group().count('\n') or ' ', text)


class Checker:
    def __init__(self, root, rules):
        self.root = root
        self.rules = rules
        self.problems = []
        self.graph = {}  # file -> [(included file, line)]

    def say(self, path, line, what):
        self.problems.append(f'{path}:{line}: {what}')

    def check_inside(self, path, line, target):
        """An #include "…": a file of the tree, in a folder that this one may see."""
        folder, other = path.split('/')[0], target.split('/')[0]
        if target.endswith('_generated.h') or not (self.root / target).exists():
            if any(fnmatch.fnmatchcase(target, name) for name, _ in self.rules.headers):
                self.check_outside(path, line, target)
            else:
                self.say(path, line, f'"{target}" is not a file of the tree; include from the root, '
                                     'as in "net/reactor.h"')
            return
        self.graph[path].append((target, line))
        allowed = self.rules.folders.get(folder, set())
        if other != folder and other not in allowed and target not in allowed:
            may = ', '.join(sorted(allowed)) or 'no other folder'
            self.say(path, line, f'{folder} may not include {target} (it may include: {may}); '
                                 'move the code down, or pass what it needs in')

    def check_outside(self, path, line, header):
        known = [files for name, files in self.rules.headers if fnmatch.fnmatchcase(header, name)]
        if not known and '/' not in header and not header.endswith('.h'):
            return  # the C++ library
        if not known:
            self.say(path, line, f'<{header}> is not in layers.txt; a new outside header needs a line there')
        elif not any(matches(path, files) for files in known):
            files = ' '.join(sorted({f for group in known for f in group}))
            self.say(path, line, f'<{header}> may be included only in: {files}')

    def check_file(self, path):
        text = (self.root / path).read_text()
        self.graph[path] = []
        if path.endswith('.h') and '#pragma once' not in text:
            self.say(path, 1, 'a header starts with #pragma once')
        code = code_of(text).splitlines()
        seen = set()
        for number, line in enumerate(text.splitlines(), 1):
            found = INCLUDE.match(line)
            if found and code[number - 1].lstrip().startswith('#'):
                if found[2] in seen:
                    self.say(path, number, f'{found[2]} is included twice')
                seen.add(found[2])
                check = self.check_inside if found[1] == '"' else self.check_outside
                check(path, number, found[2])
        for number, line in enumerate(code, 1):
            for name, expression, files, advice in self.rules.words:
                found = expression.search(line)
                if found and not matches(path, files):
                    self.say(path, number, f'{found.group().strip()} ({name}): {advice}')

    def check_cycles(self):
        done, stack = set(), []

        def visit(path):
            stack.append(path)
            for target, line in self.graph.get(path, []):
                if target in stack:
                    ring = stack[stack.index(target):] + [target]
                    self.say(path, line, 'include cycle: ' + ' -> '.join(ring) +
                             '; declare instead of including on one side')
                elif target not in done:
                    visit(target)
            done.add(stack.pop())

        for path in sorted(self.graph):
            if path not in done:
                visit(path)

    def run(self):
        for folder in self.rules.folders:
            for path in sorted((self.root / folder).rglob('*')):
                if path.suffix in ('.h', '.cc', '.fbs'):
                    self.check_file(path.relative_to(self.root).as_posix())
        self.check_cycles()
        return self.problems


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else '.')
    checker = Checker(root, Rules(root / 'layers.txt'))
    problems = checker.run()
    print('\n'.join(problems) if problems else f'layers: {len(checker.graph)} files are true to layers.txt')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
