// SPDX-License-Identifier: GPL-2.0-only
/*
 * The program that sets the addresses of an adapter inside the guest, found by its MAC address:
 * with what configures the network there, so that the addresses stay over a boot.
 *
 * It is text for a shell, or for PowerShell.  All values in it come from numbers, as
 * dmreplica_ip_text() and dmreplica_mac_text() print them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain.h"

/*
 * $ROOT is that of a test.  All is in a function, so that no program in it reads the rest of the
 * text, which is the shell's standard input.
 */
static const char linux_find[] =
	"main() {\n"
	"for d in \"$ROOT\"/sys/class/net/*; do\n"
	"	[ -e \"$d/address\" ] && read -r a <\"$d/address\" && [ \"$a\" = \"$mac\" ] || continue\n"
	"	# bridges and VLANs have the address of the adapter below them\n"
	"	[ -e \"$d/bridge\" ] || [ -e \"$ROOT/proc/net/vlan/${d##*/}\" ] || if=${d##*/}\n"
	"done\n"
	"[ -n \"$if\" ] || exit 3\n"
	"first() { echo \"$1\"; }\n";

static const char linux_apply[] =
	"each() { p=$1; shift; for v in \"$@\"; do echo \"$p$v\"; done; }\n"
	"comma() { echo \"$*\" | tr ' ' ,; }\n"
	"# NetworkManager: the connection that the device has\n"
	"if command -v nmcli >/dev/null && [ \"$(nmcli -t -f RUNNING general 2>/dev/null)\" = running ]; then\n"
	"	c=$(nmcli -g GENERAL.CONNECTION device show \"$if\")\n"
	"	made= && set --\n"
	"	if [ -z \"$c\" ]; then\n"
	"		c=dm-replica-$if made=1\n"
	"		nmcli connection add type ethernet con-name \"$c\" ifname \"$if\" || exit 4\n"
	"	else\n"
	"		for p in ipv4.addresses ipv4.gateway ipv4.dns ipv4.method ipv6.addresses ipv6.gateway ipv6.dns ipv6.method; do\n"
	"			v=$(nmcli -e no -g $p connection show \"$c\") || exit 4\n"
	"			set -- \"$@\" $p \"$v\"\n"
	"		done\n"
	"	fi\n"
	"	m4=disabled m6=ignore\n"
	"	[ -z \"$ip4\" ] || m4=manual\n"
	"	[ -z \"$dhcp\" ] || m4=auto\n"
	"	[ -z \"$ip6\" ] || m6=manual\n"
	"	nmcli connection modify \"$c\" ipv4.addresses \"$(comma $ip4)\" ipv4.gateway \"$(first $gw4)\" ipv4.dns \"$(comma $dns4)\" ipv4.method $m4 \\\n"
	"		ipv6.addresses \"$(comma $ip6)\" ipv6.gateway \"$(first $gw6)\" ipv6.dns \"$(comma $dns6)\" ipv6.method $m6 &&\n"
	"		nmcli connection up \"$c\" && exit 0\n"
	"	# as it was\n"
	"	if [ -n \"$made\" ]; then\n"
	"		nmcli connection delete \"$c\"\n"
	"	else\n"
	"		nmcli connection modify \"$c\" \"$@\"\n"
	"		nmcli connection up \"$c\"\n"
	"	fi\n"
	"	exit 4\n"
	"fi\n"
	"# systemd-networkd, of netplan as well: the first file that matches\n"
	"if command -v networkctl >/dev/null && systemctl -q is-active systemd-networkd; then\n"
	"	mkdir -p \"$ROOT/etc/systemd/network\" || exit 4\n"
	"	f=$ROOT/etc/systemd/network/05-dm-replica-$(echo $mac | tr -d :).network\n"
	"	[ ! -e \"$f\" ] || cp -p \"$f\" \"$f.old\" || exit 4\n"
	"	{\n"
	"		printf '[Match]\\nMACAddress=%s\\nName=%s\\n\\n[Network]\\n' $mac \"$if\"\n"
	"		[ -z \"$dhcp\" ] || echo DHCP=ipv4\n"
	"		each Address= $ip4 $ip6; each Gateway= $gw4 $gw6; each DNS= $dns4 $dns6\n"
	"	} >\"$f\" && chmod 644 \"$f\" && networkctl reload && networkctl reconfigure \"$if\" && { rm -f \"$f.old\"; exit 0; }\n"
	"	rm -f \"$f\"\n"
	"	[ ! -e \"$f.old\" ] || mv \"$f.old\" \"$f\"\n"
	"	networkctl reload\n"
	"	networkctl reconfigure \"$if\"\n"
	"	exit 4\n"
	"fi\n"
	"# ifupdown: our stanzas in place of those that the interface has, in whichever file\n"
	"i=$ROOT/etc/network/interfaces\n"
	"command -v ifup >/dev/null && [ -f \"$i\" ] || exit 5\n"
	"names() {\n"
	"	while read -r w v || [ -n \"$w\" ]; do\n"
	"		case $w in source | source-directory) ;; *) continue ;; esac\n"
	"		case $v in /*) ;; *) v=/etc/network/$v ;; esac\n"
	"		[ $w = source ] || v=$v/*\n"
	"		for g in \"$ROOT\"$v; do\n"
	"			[ -f \"$g\" ] || continue\n"
	"			case $w${g##*/} in source-directory*[!a-zA-Z0-9_-]*) ;; *) echo \"$g\" ;; esac\n"
	"		done\n"
	"	done <\"$1\"\n"
	"}\n"
	"stanzas() {\n"
	"	echo \"allow-hotplug $if\"\n"
	"	[ -z \"$dhcp\" ] || echo \"iface $if inet dhcp\"\n"
	"	n=\n"
	"	for v in $ip4; do\n"
	"		printf 'iface %s inet static\\n\\taddress %s\\n' \"$if\" $v\n"
	"		[ -n \"$n\" ] || { each '	gateway ' $(first $gw4); [ -z \"$dns4\" ] || echo \"	dns-nameservers $dns4\"; }\n"
	"		n=1\n"
	"	done\n"
	"	n=\n"
	"	for v in $ip6; do\n"
	"		printf 'iface %s inet6 static\\n\\taddress %s\\n' \"$if\" $v\n"
	"		[ -n \"$n\" ] || { each '	gateway ' $(first $gw6); [ -z \"$dns6\" ] || echo \"	dns-nameservers $dns6\"; }\n"
	"		n=1\n"
	"	done\n"
	"}\n"
	"all=$i more=$i\n"
	"while [ -n \"$more\" ]; do\n"
	"	found=\n"
	"	for f in $more; do found=\"$found $(names \"$f\")\"; done\n"
	"	more=\n"
	"	for f in $found; do\n"
	"		case \" $all \" in *\" $f \"*) ;; *) all=\"$all $f\" more=\"$more $f\" ;; esac\n"
	"	done\n"
	"done\n"
	"# No copy lies where a pattern of a source finds it.\n"
	"k=$ROOT/etc/network/dm-replica changed=\n"
	"mkdir -p \"$k\" || exit 4\n"
	"place() { echo \"$k/$(echo \"${1#\"$ROOT\"/}\" | tr / _)\"; }\n"
	"for f in $all; do\n"
	"	c=$(place \"$f\")\n"
	"	cp -p \"$f\" \"$c.new\" && cp -p \"$f\" \"$c.old\" || exit 4\n"
	"	awk -v i=\"$if\" '$1 ~ /^(iface|auto|mapping|source|source-directory|allow-.*|no-auto-down|no-scripts|rename)$/ { skip = $1 == \"iface\" && $2 == i; n += skip } !skip; END { exit !n }' \"$f\" >\"$c.new\"\n"
	"	case $?$f in\n"
	"	0*) ;;\n"
	"	1\"$i\") ;;\n"
	"	1*) rm -f \"$c.new\" \"$c.old\"; continue ;;\n"
	"	*) exit 4 ;;\n"
	"	esac\n"
	"	[ \"$f\" != \"$i\" ] || stanzas >>\"$c.new\" || exit 4\n"
	"	[ -e \"$c\" ] || cp -p \"$f\" \"$c\" || exit 4\n"
	"	changed=\"$changed $f\"\n"
	"done\n"
	"ifdown --force \"$if\"\n"
	"bad=\n"
	"for f in $changed; do c=$(place \"$f\"); mv \"$c.new\" \"$f\" || bad=1; done\n"
	"if [ -z \"$bad\" ] && ifup \"$if\"; then\n"
	"	for f in $changed; do rm -f \"$(place \"$f\").old\"; done\n"
	"	exit 0\n"
	"fi\n"
	"# as it was\n"
	"ifdown --force \"$if\"\n"
	"for f in $changed; do c=$(place \"$f\"); mv \"$c.old\" \"$f\"; rm -f \"$c.new\"; done\n"
	"ifup \"$if\"\n"
	"exit 4\n"
	"}\nmain </dev/null\n";

/* Are the gateways those of the adapter's default routes? */
static const char linux_check[] =
	"command -v ip >/dev/null || exit 7\n"
	"for g in $(first $gw4) $(first $gw6); do\n"
	"	case $g in *:*) v=-6 ;; *) v=-4 ;; esac\n"
	"	case \"$(ip $v route show default dev \"$if\") \" in *\"via $g \"*) ;; *) exit 6 ;; esac\n"
	"done\n"
	"exit 0\n"
	"}\nmain </dev/null\n";

static const char windows_apply[] =
	"$ErrorActionPreference = 'Stop'\n"
	"try {\n"
	"$a = Get-NetAdapter | Where-Object { $_.MacAddress -eq $mac.Replace(':', '-') } | Select-Object -First 1\n"
	"if (-not $a) { exit 3 }\n"
	"$i = $a.ifIndex\n"
	"Get-NetIPAddress -InterfaceIndex $i -PrefixOrigin Manual -ErrorAction SilentlyContinue | Remove-NetIPAddress -Confirm:$false\n"
	"Get-NetRoute -InterfaceIndex $i -DestinationPrefix '0.0.0.0/0', '::/0' -ErrorAction SilentlyContinue | Remove-NetRoute -Confirm:$false\n"
	"if ($dhcp) { Set-NetIPInterface -InterfaceIndex $i -AddressFamily IPv4 -Dhcp Enabled } else { Set-NetIPInterface -InterfaceIndex $i -AddressFamily IPv4 -Dhcp Disabled }\n"
	"foreach ($v in $ip4 + $ip6) { $p = $v.Split('/'); New-NetIPAddress -InterfaceIndex $i -IPAddress $p[0] -PrefixLength $p[1] | Out-Null }\n"
	"foreach ($v in $gw4) { New-NetRoute -InterfaceIndex $i -DestinationPrefix '0.0.0.0/0' -NextHop $v | Out-Null }\n"
	"foreach ($v in $gw6) { New-NetRoute -InterfaceIndex $i -DestinationPrefix '::/0' -NextHop $v | Out-Null }\n"
	"if (($dns4 + $dns6).Count) { Set-DnsClientServerAddress -InterfaceIndex $i -ServerAddresses ($dns4 + $dns6) }\n"
	"} catch { exit 4 }\n"
	"\n"	/* as typed: what has several lines is executed at a blank one */
	"exit 0\n";

static const char windows_check[] =
	"try {\n"
	"$a = Get-NetAdapter | Where-Object { $_.MacAddress -eq $mac.Replace(':', '-') } | Select-Object -First 1\n"
	"if (-not $a) { exit 3 }\n"
	"foreach ($v in $gw4 + $gw6) { if (-not (Get-NetRoute -InterfaceIndex $a.ifIndex -NextHop $v -ErrorAction SilentlyContinue)) { exit 6 } }\n"
	"} catch { exit 7 }\n"
	"\n"
	"exit 0\n";

/* A variable with the addresses of one family. */
static void put_list(FILE *f, bool windows, const char *name, unsigned int family,
		     const struct dmreplica_ip *list, unsigned int nr, bool prefix)
{
	char text[DMREPLICA_IP_TEXT];
	unsigned int i, n = 0;

	fprintf(f, windows ? "$%s%u = @(" : "%s%u='", name, family);
	for (i = 0; i < nr; i++)
		if (list[i].family == family)
			fprintf(f, windows ? "%s'%s'" : "%s%s", n++ ? windows ? ", " : " " : "",
				dmreplica_ip_text(&list[i], prefix, text));
	fprintf(f, windows ? ")\n" : "'\n");
}

/**
 * guest_network_program() - make the program
 * @a: the adapter.
 * @windows: for PowerShell, else for a shell.
 * @check: do not set, but look whether the gateways are set.
 *
 * Its exit status is 0; 3: there is no such adapter; 4: a step has failed, and all is as before;
 * 5: it is not known what configures the network; 6: a gateway is not set; 7: it is not known.
 *
 * Return: the program's text, to be freed; NULL without memory.
 */
char *guest_network_program(const struct dmreplica_adapter *a, bool windows, bool check)
{
	static const unsigned int families[] = { 4, 6 };
	char mac[DMREPLICA_MAC_TEXT], *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	unsigned int i;

	if (!f)
		return NULL;
	dmreplica_mac_text(a->mac, mac);
	if (windows)
		fprintf(f, "$mac = '%s'\n$dhcp = $%s\n", mac, a->dhcp ? "true" : "false");
	else
		fprintf(f, "mac=%s if= dhcp=%s\n", mac, a->dhcp ? "1" : "");
	for (i = 0; i < 2; i++) {
		put_list(f, windows, "ip", families[i], a->addresses, a->nr_addresses, true);
		put_list(f, windows, "gw", families[i], a->gateways, a->nr_gateways, false);
		put_list(f, windows, "dns", families[i], a->dns, a->nr_dns, false);
	}
	if (windows) {
		fputs(check ? windows_check : windows_apply, f);
	} else {
		fputs(linux_find, f);
		fputs(check ? linux_check : linux_apply, f);
	}
	return fclose(f) ? NULL : text;
}
