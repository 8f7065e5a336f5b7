#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Check the files of userspace/host/monitoring against the tool's output.

usage: monitoring-files.py names RULES PAGE		every metric named exists on the page
       monitoring-files.py grafana DASHBOARD PAGE	the same, and print the expressions as
							rules, for promtool check rules
       monitoring-files.py zabbix TEMPLATE CONF STATUS	every member that is read exists in
							the JSON of replicactl status
"""

import json
import re
import sys

import yaml

# Of node_exporter itself.
FOREIGN = {'node_textfile_mtime_seconds'}


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def metrics_of(page):
    return set(re.findall(r'^# TYPE (\w+)', read(page), re.M))


def check_names(expressions, page):
    there = metrics_of(page)
    labels = set(re.findall(r'[{,](\w+)="', read(page))) | {'instance', 'file'}
    for expr in expressions:
        names = set(re.findall(r'\b(?:dm_replica|node)_\w+', expr))
        assert names, 'no metric: ' + expr
        assert names <= there | FOREIGN, 'no such metric: %s' % (names - there)
        used = {one for many in re.findall(r'\{(.*?)\}', expr) for one in re.findall(r'(\w+)[=!]', many)}
        assert used <= labels, 'no such label: %s' % (used - labels)


def rules(path, page):
    groups = yaml.safe_load(read(path))['groups']
    check_names([r['expr'] for g in groups for r in g['rules']], page)


def grafana(path, page):
    board = json.loads(read(path))
    ids = [p['id'] for p in board['panels']]
    assert len(set(ids)) == len(ids)
    variables = {v['name'] for v in board['templating']['list']}
    assert set(re.findall(r'\$\{?(\w+)', read(path))) <= variables
    expressions = [t['expr'] for p in board['panels'] for t in p['targets']]
    for v in board['templating']['list']:
        if v['type'] == 'query':
            expressions += re.findall(r'label_values\((.*), \w+\)', v['query'])
    assert len(expressions) > 15
    check_names(expressions, page)
    for p in board['panels']:
        grid = p['gridPos']
        assert grid['x'] + grid['w'] <= 24, p['title']
    # rules of these names; the values of variables are regular expressions
    print(yaml.safe_dump({'groups': [{'name': 'grafana', 'rules': [
        {'record': 'grafana:%d' % i, 'expr': re.sub(r'\$\w+', '.*', e)}
        for i, e in enumerate(expressions)]}]}))


def zabbix(path, conf, status):
    export = yaml.safe_load(read(path))['zabbix_export']
    uuids = re.findall(r'uuid: (\w+)', read(path))
    assert len(uuids) == len(set(uuids)) > 10
    for u in uuids:
        assert re.fullmatch(r'[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}', u), u
    template, = export['templates']
    assert {'name': template['groups'][0]['name']} in [{'name': g['name']} for g in export['groups']]
    master, = template['items']
    rule, = template['discovery_rules']
    assert re.search(r'^UserParameter=%s,' % re.escape(master['key']), read(conf), re.M)
    systems = json.loads(read(status))
    prototypes = rule['item_prototypes']
    keys = {i['key'] for i in prototypes} | {master['key']}
    assert len(keys) == len(prototypes) + 1
    for macro in rule['lld_macro_paths']:
        assert systems[0][macro['path'].removeprefix('$.')]
    for item in prototypes:
        assert item['master_item']['key'] == rule['master_item']['key'] == master['key']
        where, what = re.fullmatch(r'\$\[\?\(@\.(\w+) == "\{#UUID\}"\)\]\.([\w.]+)\.first\(\)',
                                   item['preprocessing'][0]['parameters'][0]).groups()
        one = systems[0]
        assert where in one
        for member in what.split('.'):
            one = one[member]
        assert isinstance(one, (int, str)), what
        assert isinstance(one, str) == (item.get('value_type') == 'CHAR'), what
    triggers = master['triggers'] + [t for i in prototypes for t in i.get('trigger_prototypes', [])]
    for t in triggers:
        named = re.findall(r'/%s/([^,)]+)' % re.escape(template['template']), t['expression'])
        assert named and set(named) <= keys, t


{'names': rules, 'grafana': grafana, 'zabbix': zabbix}[sys.argv[1]](*sys.argv[2:])
