# SPDX-License-Identifier: GPL-2.0
"""Addresses of replicactl network set, applied in a made-up guest by its agent; see domain.py."""

import json
import os
import shutil

from domain_freeze import Agent
from domain_libvirt import GUEST
from domain_world import HERE, UUID, preloaded, result

METADATA = f"<metadata><d:system xmlns:d='urn:dm-replica:domain:1' uuid='{UUID}' name='web1'/></metadata>"
LIVE = GUEST.replace('<memory>', METADATA + '<memory>').replace("type='file'", "type='block'").replace(
    "file='/srv/web1.img'", "dev='/dev/dm-replica/web1/vda'")
MAC = '52:54:00:12:34:56'
BOTH = {'dhcp': False, 'addresses': ['192.0.2.5/24', '2001:db8::5/64'], 'gateways': ['192.0.2.1', '2001:db8::1'], 'dns': ['192.0.2.53', '2001:db8::53']}
DHCP = {'dhcp': True, 'addresses': [], 'gateways': [], 'dns': []}

# What configures the network in the guest, by its programs; they set what is seen.
SEE = '''#!/bin/sh
PATH=/usr/bin:/bin
echo "${0##*/} $*" >>"$DIR/ran"
cat >/dev/null
[ ! -e "$DIR/fail-${0##*/}" ] || { rm "$DIR/fail-${0##*/}"; exit 1; }
'''
ROUTE = SEE + """case "$*" in -4*) g=192.0.2.1 ;; *) g=2001:db8::1 ;; esac
[ -e "$DIR/no-route" ] || echo "default via $g proto static metric 100"
"""
PROGRAMS = {
    'NetworkManager': {'nmcli': SEE + 'case "$*" in *"RUNNING general") echo running ;; *"device show"*) [ -e "$DIR/no-connection" ] || echo "Wired 1" ;; "-e no -g ipv4.dns "*) echo 198.51.100.53, 198.51.100.54 ;; "-e no -g ipv"?".method "*) echo auto ;; '
                       '*"connection up"*) [ ! -e "$DIR/fail-up" ] || { rm "$DIR/fail-up"; exit 1; }; cp "$DIR/to-see" "$DIR/seen" ;; esac'},
    'systemd-networkd': {'networkctl': SEE + '[ "$1" != reconfigure ] || cp "$DIR/to-see" "$DIR/seen"', 'systemctl': SEE},
    'ifupdown': {'ifup': SEE + 'cp "$DIR/to-see" "$DIR/seen"', 'ifdown': SEE},
    'none': {},
}
INTERFACES = '''# the primary's
source /etc/network/interfaces.d/*
source-directory more
auto lo
iface lo inet loopback
allow-hotplug ens3
iface ens3 inet static
	address 198.51.100.5/24
	gateway 198.51.100.1
iface ens4 inet dhcp
'''


CLOUD = '''auto ens3
iface ens3 inet static
	address 198.51.100.6/24
	gateway 198.51.100.2
iface ens5 inet dhcp
'''
FILES = {'interfaces': INTERFACES, 'interfaces.d/50-cloud-init': CLOUD, 'interfaces.d/other': 'iface ens6 inet dhcp\n',
         'more/ens3': CLOUD, 'more/ens3.dpkg-old': CLOUD}


class Guest(Agent):
    def __init__(self, w, tool):
        super().__init__(w, tool)
        self.guest(LIVE)

    def run(self, by, args=(), adapters=None, env=None, see=True, route=True, fails=(), extra=()):
        shutil.rmtree(self.dir, ignore_errors=True)
        for name, mac in ('lo', '00:00:00:00:00:00'), ('ens3', MAC), ('ens4', '52:54:00:12:34:57'), ('ens3.10', MAC):
            os.makedirs(f'{self.dir}/root/sys/class/net/{name}')
            self.file(f'root/sys/class/net/{name}/address', mac + '\n')
        # a VLAN has the address of the adapter below it
        os.makedirs(self.dir + '/root/proc/net/vlan')
        self.file('root/proc/net/vlan/ens3.10', '')
        for name, text in FILES.items():
            os.makedirs(os.path.dirname(f'{self.dir}/root/etc/network/{name}'), exist_ok=True)
            self.file('root/etc/network/' + name, text)
        for name, text in extra:
            os.makedirs(os.path.dirname(f'{self.dir}/{name}'), exist_ok=True)
            self.file(name, text)
        os.makedirs(self.dir + '/bin')
        for name in fails:
            self.file('fail-' + name, '')
        if not route:
            self.file('no-route', '')
        for name, text in dict(PROGRAMS[by], **({'ip': ROUTE} if route is not None else {})).items():
            self.file('bin/' + name, text + '\n')
            os.chmod(f'{self.dir}/bin/{name}', 0o755)
        for name in 'mkdir', 'chmod', 'tr', 'cp', 'mv', 'rm', 'awk':
            os.path.exists(f'{self.dir}/bin/{name}') or os.symlink(shutil.which(name), f'{self.dir}/bin/{name}')
        seen = [{'name': 'ens3', 'hardware-address': MAC.upper(), 'ip-addresses': [
            {'ip-address': '192.0.2.5', 'prefix': 24, 'ip-address-type': 'ipv4'}, {'ip-address': '2001:DB8:0::5', 'prefix': 64}]}]
        self.file('to-see', json.dumps(seen if see else []))
        adapters = {MAC: BOTH} if adapters is None else adapters
        self.w.world['host'] = {'adapter/' + mac: json.dumps(a, separators=(',', ':')) for mac, a in adapters.items()}
        env = dict({'AGENT': self.dir, 'LIBVIRT_DEFAULT_URI': self.uri, 'GUEST_PROGRAM': HERE + '/fake-guest.py', 'DM_REPLICA_SEEN_MS': '0'}, **(env or {}))
        self.status, self.out, self.err = self.w.run(
            preloaded(self.library) + [self.tool, 'addresses', 'web1'] + list(args), env=env)
        self.w.world['host'] = {}
        return self.status

    def file(self, name, text):
        with open(f'{self.dir}/{name}', 'w', encoding='utf-8') as f:
            f.write(text)

    def get(self, name):
        try:
            with open(f'{self.dir}/{name}', encoding='utf-8') as f:
                return f.read()
        except OSError as e:
            return str(e)

    @property
    def text(self):
        return f'{self.status}\n{self.out}\n{self.err}\n{self.calls}\n{self.get("ran")}'


def check_addresses(w, tool):
    w.set_nodes('vda', 'vda-test', 'vda-replica')
    g = Guest(w, tool)
    for by in 'NetworkManager', 'systemd-networkd', 'ifupdown':
        g.run(by)
        result(g.status == 0 and g.out == f'{MAC}  applied\n' and 'guest-exec' in g.calls, f'addresses: {by}: applied', g.text)
        if by == 'NetworkManager':
            result('connection modify Wired 1 ipv4.addresses 192.0.2.5/24 ipv4.gateway 192.0.2.1 ipv4.dns 192.0.2.53 ipv4.method manual ipv6.addresses '
                   '2001:db8::5/64 ipv6.gateway 2001:db8::1 ipv6.dns 2001:db8::53 ipv6.method manual' in g.get('ran'), f'addresses: {by}: its connection', g.text)
        elif by == 'systemd-networkd':
            text = g.get('root/etc/systemd/network/05-dm-replica-525400123456.network')
            result(text == f'[Match]\nMACAddress={MAC}\nName=ens3\n\n[Network]\nAddress=192.0.2.5/24\nAddress=2001:db8::5/64\nGateway=192.0.2.1\n'
                   'Gateway=2001:db8::1\nDNS=192.0.2.53\nDNS=2001:db8::53\n', f'addresses: {by}: a file before all others', text)
        else:
            text = g.get('root/etc/network/interfaces')
            result('198.51.100' not in text and 'iface lo inet loopback' in text and 'iface ens4 inet dhcp' in text and 'source /etc' in text and
                   'iface ens3 inet static\n\taddress 192.0.2.5/24\n\tgateway 192.0.2.1\n\tdns-nameservers 192.0.2.53\n' in text and
                   'iface ens3 inet6 static\n\taddress 2001:db8::5/64\n\tgateway 2001:db8::1\n' in text and
                   g.get('root/etc/network/dm-replica/etc_network_interfaces') == INTERFACES, f'addresses: {by}: its stanzas in place of those of the primary', text)
            cloud = g.get('root/etc/network/interfaces.d/50-cloud-init')
            result(cloud == g.get('root/etc/network/more/ens3') == 'auto ens3\niface ens5 inet dhcp\n' and
                   g.get('root/etc/network/more/ens3.dpkg-old') == CLOUD and g.get('root/etc/network/interfaces.d/other') == FILES['interfaces.d/other'] and
                   sorted(os.listdir(g.dir + '/root/etc/network/interfaces.d')) == ['50-cloud-init', 'other'] and
                   g.get('root/etc/network/dm-replica/etc_network_interfaces.d_50-cloud-init') == CLOUD,
                   f'addresses: {by}: and of those in files that it names', cloud + str(os.listdir(g.dir + '/root/etc/network/dm-replica')))
            for program in 'ifup', 'mv':
                if program == 'mv':
                    PROGRAMS[by]['mv'] = SEE + 'exec /usr/bin/mv "$@"'
                g.run(by, fails=[program])
                now = {name: g.get('root/etc/network/' + name) for name in FILES}
                result(g.status == 1 and 'it has what it had before' in g.out and now == FILES and g.get('ran').split('\n')[-2].startswith('ifup '),
                       f'addresses: {by}: {program} fails after ifdown: all is as before, and up', g.text + str(now))
            del PROGRAMS[by]['mv']
        g.run(by, route=False)
        result(g.status == 1 and 'not applied: the guest has the addresses, but not the gateways' in g.out, f'addresses: {by}: without the gateway', g.text)
        g.run(by, route=None)
        result(g.status == 0 and 'not verifiable: the guest has the addresses, but its gateways' in g.out, f'addresses: {by}: gateways that are not seen', g.text)
        g.run(by, adapters={MAC: DHCP})
        result(g.status == 0 and 'not verifiable: DHCP alone' in g.out, f'addresses: {by}: DHCP', g.text)
    for name, by, more, said in (
            ('nothing that configures it', 'none', {}, 'not applied: neither NetworkManager'),
            ('the guest has them not', 'ifupdown', {'see': False}, 'not applied: the guest does not have the addresses after it'),
            ('no such adapter', 'ifupdown', {'adapters': {'52:54:00:99:99:99': BOTH}}, 'not applied: the guest has no adapter'),
            ('no agent', 'ifupdown', {'env': {'PING': 'error'}}, 'not applied: guest-ping'),
            ('an agent that runs no program', 'ifupdown', {'env': {'GUEST': 'no exec'}}, 'not applied: guest-exec'),
            ('an agent that shows no interfaces', 'ifupdown', {'env': {'GUEST': 'no interfaces'}}, 'not verifiable: guest-network-get-interfaces'),
            ('an answer that is no list', 'ifupdown', {'env': {'GUEST': 'no list'}}, "not verifiable: guest-network-get-interfaces: the agent's answer is no list"),
            ('answers without a meaning', 'ifupdown', {'env': {'GUEST': 'hostile'}}, 'not applied: the guest does not have')):
        g.run(by, **more)
        result(g.status == (0 if 'verifiable' in said else 1) and said in g.out and g.out.count('\n') == 1, f'addresses: {name}: {said[:14]}', g.text)
    g.run('systemd-networkd', fails=['networkctl'])
    result(g.status == 1 and not os.listdir(g.dir + '/root/etc/systemd/network') and g.get('ran').split('\n')[-2].startswith('networkctl reconfigure'),
           'addresses: systemd-networkd fails: its file goes', g.text)
    earlier = 'root/etc/systemd/network/05-dm-replica-525400123456.network'
    g.run('systemd-networkd', fails=['networkctl'], extra=[(earlier, 'earlier')])
    result(g.status == 1 and g.get(earlier) == 'earlier' and len(os.listdir(os.path.dirname(g.dir + '/' + earlier))) == 1,
           'addresses: systemd-networkd fails: the addresses of an earlier call stay', g.text)
    g.run('systemd-networkd', extra=[(earlier, 'earlier')])
    result(g.status == 0 and '192.0.2.5/24' in g.get(earlier) and len(os.listdir(os.path.dirname(g.dir + '/' + earlier))) == 1,
           'addresses: systemd-networkd: in place of those of an earlier call', g.text)
    g.run('NetworkManager', fails=['up'])
    ran = g.get('ran').split('\n')
    result(g.status == 1 and 'it has what it had before' in g.out and ran[-2].endswith('connection up Wired 1') and ran[-3].endswith(
        'connection modify Wired 1 ipv4.addresses  ipv4.gateway  ipv4.dns 198.51.100.53, 198.51.100.54 ipv4.method auto ipv6.addresses  ipv6.gateway  ipv6.dns  ipv6.method auto'),
           'addresses: NetworkManager fails: its connection is as before, and up', g.text)
    g.run('NetworkManager', fails=['up'], extra=[('no-connection', '')])
    result(g.status == 1 and g.get('ran').split('\n')[-2].endswith('connection delete dm-replica-ens3'), 'addresses: NetworkManager fails: a connection that was made goes', g.text)
    FILES['interfaces'] = 'iface ens3 inet static\n\taddress 198.51.100.5/24\nrename ens4=x\nsource interfaces.d/*'
    g.run('ifupdown')
    result(g.status == 0 and 'iface ens3' not in g.get('root/etc/network/interfaces.d/50-cloud-init') and
           g.get('root/etc/network/interfaces').startswith('rename ens4=x\nsource interfaces.d/*\nallow-hotplug ens3\n'),
           'addresses: ifupdown: a last line without an end', g.text + g.get('root/etc/network/interfaces'))
    FILES['interfaces'] = INTERFACES
    g.run('ifupdown', ['--json'], {MAC: BOTH, '52:54:00:99:99:99': DHCP})
    try:
        got = [(a['mac'], a['result']) for a in json.loads(g.out)]
    except ValueError:
        got = g.out
    result(g.status == 1 and got == [(MAC, 'applied'), ('52:54:00:99:99:99', 'not applied')], 'addresses --json: each adapter', g.text)
    g.run('none', env={'GUEST': 'windows'}, see=False)
    program = g.get('program')
    result(g.get('command') == 'powershell.exe -Command -' and f"$mac = '{MAC}'" in program and "$ip4 = @('192.0.2.5/24')" in program and
           "$ip6 = @('2001:db8::5/64')" in program and '$dhcp = $false' in program and
           '}\n\nexit 0\n' in program, 'addresses: Windows: a program for PowerShell', program)
    g.run('none', ['--verify'], see=False)
    result(g.status == 1 and 'guest-exec' not in g.calls and 'not applied' in g.out, 'addresses --verify: changes nothing', g.text)
    g.run('none', ['--verify'], env={'PING': 'error'})
    result(g.status == 0 and 'not verifiable: guest-ping' in g.out, 'addresses --verify: without an agent', g.text)
    g.run('none', adapters={})
    result(g.status == 0 and not g.calls and 'no adapter of web1 has settings' in g.out, 'addresses: none are set: the agent is not asked', g.text)
    g.run('none', ['--test'])
    result(g.status == 12 and not g.calls, 'addresses --test: without a test', g.text)
    g.guest(LIVE.replace('web1/vda', 'web1/other'))
    g.run('ifupdown')
    result(g.status == 6 and not g.calls, 'addresses: a domain without a device of the system', g.text)
