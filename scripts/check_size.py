#!/usr/bin/env python3
"""Sizes: a .cc has at most 800 lines, a header 400, a function 70 lines from its opening brace to its end.

scripts/check_size.py [ROOT]    prints file:line: what, and what to do. Ends with 1 if anything is wrong.
"""

import pathlib
import re
import sys

from check_layers import code_of

FOLDERS = ['alloc', 'core', 'wire', 'net', 'master', 'agent', 'sdk', 'cli', 'examples', 'bench', 'tests']
MAX_LINES = {'.cc': 800, '.h': 400}
MAX_FUNCTION = 70
# What stands before a brace that opens no function: a scope, a type, or an initialiser.
ATTRIBUTE = re.compile(r'\b(alignas|__attribute__|requires|decltype)\s*\([^()]*\)|^\s*#.*$', re.MULTILINE)
SCOPE = re.compile(r'\b(namespace|class|struct|union|enum)\b[^()]*$|\bextern\s*$|=\s*$')
FUNCTION = re.compile(r'([\w~>\])]+)\s*\(')


def functions(code):
    """Yields (name, first line, last line) of outermost function bodies in code without comments."""
    depth, start, head_start, parentheses = 0, None, 0, 0
    name, line = '', 1
    scopes = []  # True for a scope that may hold functions
    for at, char in enumerate(code):
        if char == '\n':
            line += 1
        elif start is None and char in '()':
            parentheses += 1 if char == '(' else -1
        elif start is None and parentheses > 0:
            continue  # a default argument, say
        elif start is None and char == ';':
            head_start = at + 1
        elif char == '{':
            if start is None:
                head = ATTRIBUTE.sub('', code[head_start:at])
                if SCOPE.search(head) or '(' not in head:
                    scopes.append(True)
                    head_start = at + 1
                    continue
                called = FUNCTION.search(head)
                name = called[1] if called else '?'
                start, depth = line, 1
            else:
                depth += 1
        elif char == '}':
            if start is None:
                if scopes:
                    scopes.pop()
                head_start = at + 1
                continue
            depth -= 1
            if depth == 0:
                yield name, start, line
                start, head_start = None, at + 1


def check(root):
    problems, files = [], 0
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob('*')):
            limit = MAX_LINES.get(path.suffix)
            if limit is None:
                continue
            files += 1
            text = path.read_text()
            name = path.relative_to(root).as_posix()
            lines = text.count('\n')
            if lines > limit:
                problems.append(f'{name}:{limit}: {lines} lines, at most {limit}; '
                                'split it by subject')
            for function, first, last in functions(code_of(text)):
                if last - first + 1 > MAX_FUNCTION:
                    problems.append(f'{name}:{first}: {function}() has {last - first + 1} lines, at most '
                                    f'{MAX_FUNCTION}; give its steps names of their own')
    return problems, files


def main():
    problems, files = check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else '.'))
    print('\n'.join(problems) if problems else f'sizes: {files} files are within the limits')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
