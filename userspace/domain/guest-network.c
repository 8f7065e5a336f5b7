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

/* $ROOT is that of a test. */
static const char linux_body[] =
	"for d in \"$ROOT\"/sys/class/net/*; do\n"
	"	[ -e \"$d/address\" ] && read -r a <\"$d/address\" && [ \"$a\" = \"$mac\" ] || continue\n"
	"	# bridges and VLANs have the address of the adapter below them\n"
	"	[ -e \"$d/bridge\" ] || [ -e \"$ROOT/proc/net/vlan/${d##*/}\" ] || if=${d##*/}\n"
	"done\n"
	"[ -n \"$if\" ] || exit 3\n"
	"each() { p=$1; shift; for v in \"$@\"; do echo \"$p$v\"; done; }\n"
	"comma() { echo \"$*\" | tr ' ' ,; }\n"
	"first() { echo \"$1\"; }\n"
	"# NetworkManager: the connection that the device has\n"
	"if command -v nmcli >/dev/null && [ \"$(nmcli -t -f RUNNING general 2>/dev/null)\" = running ]; then\n"
	"	c=$(nmcli -g GENERAL.CONNECTION device show \"$if\")\n"
	"	if [ -z \"$c\" ]; then\n"
	"		c=dm-replica-$if\n"
	"		nmcli connection add type ethernet con-name \"$c\" ifname \"$if\" || exit 4\n"
	"	fi\n"
	"	m4=disabled m6=ignore\n"
	"	[ -z \"$ip4\" ] || m4=manual\n"
	"	[ -z \"$dhcp\" ] || m4=auto\n"
	"	[ -z \"$ip6\" ] || m6=manual\n"
	"	nmcli connection modify \"$c\" ipv4.addresses \"$(comma $ip4)\" ipv4.gateway \"$(first $gw4)\" ipv4.dns \"$(comma $dns4)\" ipv4.method $m4 \\\n"
	"		ipv6.addresses \"$(comma $ip6)\" ipv6.gateway \"$(first $gw6)\" ipv6.dns \"$(comma $dns6)\" ipv6.method $m6 &&\n"
	"		nmcli connection up \"$c\" || exit 4\n"
	"	exit 0\n"
	"fi\n"
	"# systemd-networkd, of netplan as well: the first file that matches\n"
	"if command -v networkctl >/dev/null && systemctl -q is-active systemd-networkd; then\n"
	"	mkdir -p \"$ROOT/etc/systemd/network\" || exit 4\n"
	"	f=$ROOT/etc/systemd/network/05-dm-replica-$(echo $mac | tr -d :).network\n"
	"	{\n"
	"		printf '[Match]\\nMACAddress=%s\\nName=%s\\n\\n[Network]\\n' $mac \"$if\"\n"
	"		[ -z \"$dhcp\" ] || echo DHCP=ipv4\n"
	"		each Address= $ip4 $ip6; each Gateway= $gw4 $gw6; each DNS= $dns4 $dns6\n"
	"	} >\"$f\" && chmod 644 \"$f\" && networkctl reload && networkctl reconfigure \"$if\" || exit 4\n"
	"	exit 0\n"
	"fi\n"
	"# ifupdown: our stanzas in place of those that the interface has\n"
	"i=$ROOT/etc/network/interfaces\n"
	"if command -v ifup >/dev/null && [ -f \"$i\" ]; then\n"
	"	ifdown --force \"$if\"\n"
	"	[ -e \"$i.dm-replica\" ] || cp -p \"$i\" \"$i.dm-replica\" || exit 4\n"
	"	awk -v i=\"$if\" '$1 ~ /^(iface|auto|mapping|source|source-directory|allow-.*|no-auto-down|no-scripts)$/ { skip = $1 == \"iface\" && $2 == i } !skip' \"$i\" >\"$i.new\" &&\n"
	"	{\n"
	"		echo \"allow-hotplug $if\"\n"
	"		[ -z \"$dhcp\" ] || echo \"iface $if inet dhcp\"\n"
	"		n=\n"
	"		for v in $ip4; do\n"
	"			printf 'iface %s inet static\\n\\taddress %s\\n' \"$if\" $v\n"
	"			[ -n \"$n\" ] || { each '\tgateway ' $(first $gw4); [ -z \"$dns4\" ] || echo \"\tdns-nameservers $dns4\"; }\n"
	"			n=1\n"
	"		done\n"
	"		n=\n"
	"		for v in $ip6; do\n"
	"			printf 'iface %s inet6 static\\n\\taddress %s\\n' \"$if\" $v\n"
	"			[ -n \"$n\" ] || { each '\tgateway ' $(first $gw6); [ -z \"$dns6\" ] || echo \"\tdns-nameservers $dns6\"; }\n"
	"			n=1\n"
	"		done\n"
	"	} >>\"$i.new\" && mv \"$i.new\" \"$i\" && ifup \"$if\" || exit 4\n"
	"	exit 0\n"
	"fi\n"
	"exit 5\n";

static const char windows_body[] =
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

/* Return: the program's text, to be freed; NULL without memory. */
char *guest_network_program(const struct dmreplica_adapter *a, bool windows)
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
	fputs(windows ? windows_body : linux_body, f);
	return fclose(f) ? NULL : text;
}
