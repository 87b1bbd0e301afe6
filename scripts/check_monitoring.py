#!/usr/bin/env python3
"""docs/monitoring against itself and against docs/MONITORING.md, which lists all metrics and alerts (a test
compares its list of metrics with what daemons say: tests/integration/monitoring_test.cc).

scripts/check_monitoring.py [ROOT]   prints what is wrong, and what to do. Ends with 1 if anything is.
Needs promtool, of the package prometheus (scripts/bootstrap).
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

NAME = re.compile(r'\b(?:shoal|process)_[a-z0-9_]+')
ROW = re.compile(r'^\| `([A-Za-z_0-9]+)` \|', re.MULTILINE)


def listed(page):
    """The first cells of the page's tables: names of metrics, and of alerts."""
    names = set(ROW.findall(page))
    return {name for name in names if NAME.fullmatch(name)}, {name for name in names if name.startswith('Shoal')}


def base(name):
    return re.sub(r'_(bucket|sum|count)$', '', name)


def expressions(panel):
    for target in panel.get('targets', []):
        yield target['expr']
    for inner in panel.get('panels', []):
        yield from expressions(inner)


def problems(root):
    """Yields what does not fit together, without promtool."""
    folder = root / 'docs/monitoring'
    metrics, alerts = listed((root / 'docs/MONITORING.md').read_text())
    rules = (folder / 'alerts.yml').read_text()
    dashboard = json.loads((folder / 'dashboard.json').read_text())
    asked = {'docs/monitoring/alerts.yml': re.findall(r'^ +expr: (.*)$', rules, re.MULTILINE),
             'docs/monitoring/dashboard.json': [e for panel in dashboard['panels'] for e in expressions(panel)]}
    for file, texts in asked.items():
        for name in sorted({name for text in texts for name in NAME.findall(text)}):
            if name not in metrics and base(name) not in metrics:
                yield f'{file}: {name} is not in docs/MONITORING.md; correct it, or list it'
    defined = set(re.findall(r'^ +- alert: (\w+)$', rules, re.MULTILINE))
    tested = set(re.findall(r'\balertname: (\w+)', (folder / 'alerts_test.yml').read_text()))
    for name in sorted(defined - alerts):
        yield f'docs/MONITORING.md: does not say what to do about the alert {name}'
    for name in sorted(alerts - defined):
        yield f'docs/MONITORING.md: lists the alert {name}, which alerts.yml does not have'
    for name in sorted(defined - tested):
        yield f'docs/monitoring/alerts_test.yml: does not test the alert {name}'
    ids = [panel['id'] for panel in dashboard['panels']]
    if len(set(ids)) != len(ids):
        yield 'docs/monitoring/dashboard.json: two panels have one id'


def promtool(root, *words):
    done = subprocess.run(['promtool', *words], cwd=root / 'docs/monitoring', text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return '' if done.returncode == 0 else f'promtool {" ".join(words)}:\n{done.stdout.strip()}'


def dashboard_rules(root):
    """The dashboard's expressions as rules, which promtool can parse."""
    dashboard = json.loads((root / 'docs/monitoring/dashboard.json').read_text())
    exprs = [e for panel in dashboard['panels'] for e in expressions(panel)]
    rules = [{'record': f'dashboard:{i}', 'expr': e.replace('$__rate_interval', '5m')} for i, e in enumerate(exprs)]
    return json.dumps({'groups': [{'name': 'dashboard', 'rules': rules}]})  # JSON is YAML


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else '.').resolve()
    found = list(problems(root))
    try:
        with tempfile.NamedTemporaryFile('w', suffix='.yml') as dashboard:
            dashboard.write(dashboard_rules(root))
            dashboard.flush()
            for words in (['check', 'config', 'prometheus.yml'], ['test', 'rules', 'alerts_test.yml'],
                          ['check', 'rules', dashboard.name]):
                complaint = promtool(root, *words)
                if complaint:
                    found.append(complaint)
    except FileNotFoundError:
        found.append('promtool is not there: run scripts/bootstrap')
    for line in found:
        print(line)
    if found:
        return 1
    print('monitoring: rules, dashboard and their page fit together')
    return 0


if __name__ == '__main__':
    sys.exit(main())
