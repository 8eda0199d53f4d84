#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the policies of this folder: ./make-policies.py, then git diff.

The ids are made up but fixed, so that two runs give the same bytes: the driver's
saved output beside the policies names chains and sets by them.
"""
import uuid


def the_id(kind, n):
    return str(uuid.uuid5(uuid.NAMESPACE_URL, 'na-research/%s/%s' % (kind, n)))


class Policy:
    def __init__(self, name, what):
        self.name, self.what = name, what
        self.groups, self.address_groups, self.ports = [], [], []

    def group(self, name, rules, stateful=True):
        self.groups.append((name, rules, stateful))
        return name

    def address_group(self, name, addresses):
        self.address_groups.append((name, addresses))
        return name

    def port(self, n, groups, ips, pairs=(), **more):
        mac = 'fa:16:3e:%02x:%02x:%02x' % (n >> 16 & 255, n >> 8 & 255, n & 255)
        self.ports.append((n, mac, groups, ips, pairs, more))

    def lines(self):
        yield '# %s' % self.what
        yield '# Written by make-policies.py.'
        yield 'security_groups:'
        for name, rules, stateful in self.groups:
            yield '- name: %s' % name
            yield '  id: %s' % the_id('sg', name)
            if not stateful:
                yield '  stateful: false'
            yield '  security_group_rules:%s' % ('' if rules else ' []')
            for i, rule in enumerate(rules):
                keys = {'direction': 'ingress', 'ethertype': 'IPv4', **rule}
                keys['id'] = the_id('rule', '%s/%d' % (name, i))
                yield '  - {%s}' % ', '.join('%s: %s' % (k, quoted(v)) for k, v in keys.items())
        if self.address_groups:
            yield 'address_groups:'
        for name, addresses in self.address_groups:
            yield '- name: %s' % name
            yield '  id: %s' % the_id('ag', name)
            yield '  addresses: [%s]' % ', '.join(map(quoted, addresses))
        yield 'ports:'
        for n, mac, groups, ips, pairs, more in self.ports:
            yield '- id: %s' % the_id('port', n)
            yield '  name: port%d' % n
            yield '  mac_address: %s' % mac
            yield '  fixed_ips: [%s]' % ', '.join(map(quoted, ips))
            yield '  security_groups: [%s]' % ', '.join(groups)
            if pairs:
                yield '  allowed_address_pairs:'
            for pair_mac, ip in pairs:
                yield '  - {mac_address: %s, ip_address: %s}' % (pair_mac, quoted(ip))
            for k, v in more.items():
                yield '  %s: %s' % (k, quoted(v))

    def write(self):
        with open(self.name + '.yaml', 'w') as f:
            f.write('\n'.join(self.lines()) + '\n')


def quoted(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and (':' in value or value.isdigit()):
        return "'%s'" % value
    return str(value)


def ports(low, high=None, **more):
    return dict(port_range_min=low, port_range_max=high or low, **more)


V6 = {'ethertype': 'IPv6'}
OUT = {'direction': 'egress'}
DEFAULT = [OUT, {**OUT, **V6}, {'remote_group_id': 'default'},
           {**V6, 'remote_group_id': 'default'}]


def default1():
    p = Policy('default1', 'One port in the default group, with an IPv4 address only.')
    p.group('default', DEFAULT)
    p.port(1, ['default'], ['10.0.0.11'])
    return p


def mixed3():
    p = Policy('mixed3', 'Three ports, both families, pairs, remote groups, most protocols.')
    p.group('default', DEFAULT)
    p.group('web', [
        OUT, {**OUT, **V6},
        dict(protocol='tcp', **ports(443), remote_ip_prefix='0.0.0.0/0'),
        dict(protocol='tcp', **ports(8000, 8099), remote_ip_prefix='192.0.2.0/24'),
        dict(protocol='udp', **ports(53)),
        dict(protocol='udplite', **ports(700)),
        dict(protocol='sctp', **ports(38412)),
        dict(protocol='icmp', port_range_min=8, port_range_max=0),
        dict(protocol='icmp', port_range_min=3, remote_ip_prefix='198.51.100.0/24'),
        dict(protocol='4', remote_ip_prefix='203.0.113.7/32'),
        dict(protocol='94', remote_ip_prefix='203.0.113.8/32'),
        dict(protocol='vrrp'),
        dict(protocol='112', remote_ip_prefix='203.0.113.9/32'),
        dict(protocol='250'),
        dict(V6, protocol='ipv6-icmp', port_range_min=128),
        dict(V6, protocol='tcp', **ports(80), remote_ip_prefix='2001:db8::/32'),
        dict(V6, protocol='ipv6-encap')])
    p.group('db', [
        dict(protocol='tcp', **ports(5432), remote_group_id='web'),
        dict(V6, protocol='tcp', **ports(5432), remote_group_id='web'),
        dict(OUT, protocol='tcp', **ports(1, 1023), remote_ip_prefix='10.0.0.0/24'),
        dict(OUT, protocol='udp', remote_group_id='web')])
    p.port(1, ['default', 'web'], ['10.0.0.11', '2001:db8:1::11'])
    p.port(2, ['web'], ['10.0.0.12', '2001:db8:1::12'], [
        ('fa:16:3e:00:00:02', '10.0.0.100'), ('00:00:5e:00:01:0a', '10.0.0.101'),
        ('fa:16:3e:00:00:02', '10.9.0.0/16'), ('fa:16:3e:00:00:02', '2001:db8:9::/64')])
    p.port(3, ['db'], ['10.0.0.13'])
    return p


def extras():
    p = Policy('extras', 'Every kind of port, spellings of protocols, an address group.')
    names = ['ipip', '4', '94', 'pgm', '113', 'icmp', '1', '0', 'hopopt', 'ip', 'rsvp', '46',
             'ah', 'esp', 'gre', 'ospf', 'egp', 'igmp', '2', 'dccp', '33', '136']
    p.group('default', DEFAULT)
    p.group('stateless', [OUT, dict(protocol='tcp', **ports(22))], stateful=False)
    p.group('empty', [])
    p.address_group('office', ['192.0.2.0/24'])
    p.group('addresses', [
        dict(protocol='tcp', **ports(22), remote_address_group_id='office')])
    p.group('names', [
        dict(protocol=name, remote_ip_prefix='192.0.2.%d/32' % i)
        for i, name in enumerate(names, 1)] + [
        dict(protocol='6', **ports(80)),
        dict(protocol='17', **ports(5000, 5010)),
        dict(protocol='1', port_range_min=8, port_range_max=0),
        dict(protocol='136', **ports(9, 10)),
        dict(remote_ip_prefix='10.1.2.3'),
        dict(remote_ip_prefix='10.1.2.3/24'),
        dict(V6, protocol='icmp'),
        dict(V6, protocol='58', port_range_min=129),
        dict(V6, protocol='icmpv6', port_range_min=1, port_range_max=4)])
    p.port(1, ['default'], ['10.0.0.11'])
    p.port(2, ['stateless'], ['10.0.0.12'])
    p.port(3, [], ['10.0.0.13'], port_security_enabled=False)
    p.port(4, ['empty'], ['10.0.0.14'])
    p.port(5, ['default'], [])
    p.port(6, [], ['10.0.0.2'], device_owner='network:dhcp')
    p.port(7, ['names'], ['10.0.0.17'])
    p.port(9, ['addresses'], ['10.0.0.19'])
    p.port(8, ['default'], ['2001:db8:1::18'])
    return p


def corners():
    p = Policy('corners', 'What the others do not have: a remote group that nobody is in, one rule\n'
                          '# in two groups under two ids, pairs of every kind, protocol 0 on IPv6.')
    p.group('nobody', [])
    p.group('first', [
        OUT, dict(protocol='tcp', **ports(22), remote_group_id='nobody'),
        dict(protocol='udp', **ports(500)), dict(protocol='udp', **ports(500, 501)),
        dict(V6, protocol='tcp', **ports(22), remote_group_id='nobody'),
        dict(V6, protocol='0'), dict(V6, protocol='udplite', **ports(7, 9))])
    p.group('second', [
        {**OUT, 'remote_ip_prefix': '0.0.0.0/0'},
        dict(protocol='17', **ports(500), remote_ip_prefix='0.0.0.0/0'),
        dict(protocol='dccp', **ports(5001, 5002)), dict(protocol='sctp', **ports(36412, 36413)),
        dict(protocol='dccp', **ports(5001)), dict(protocol='icmp', port_range_min=0)])
    p.port(1, ['first', 'second'], ['10.0.0.11', '10.0.0.12', '2001:db8::11'], [
        ('fa:16:3e:00:00:01', '10.0.0.11'), ('fa:16:3e:00:00:99', '0.0.0.0/0'),
        ('fa:16:3e:00:00:98', '2001:db8:2::5'), ('fa:16:3e:00:00:98', 'fe80::/10')])
    p.port(2, ['second', 'first'], [], [
        ('fa:16:3e:00:00:02', '10.0.0.100'), ('00:00:5e:00:01:0a', '2001:db8::/32')])
    p.port(3, ['first'], ['2001:db8::13'], [('fa:16:3e:00:00:03', '10.0.0.13')])
    return p


def ports100():
    p = Policy('ports100', 'A hundred ports, each in the default group and in one of its own.')
    p.group('default', DEFAULT)
    for i in range(1, 101):
        p.group('app%d' % i, [
            dict(protocol='tcp', **ports(1000 + k), remote_ip_prefix='198.51.%d.0/24' % k)
            for k in range(10)])
        p.port(i, ['default', 'app%d' % i], ['10.0.%d.%d' % (i >> 8, i & 255),
                                             '2001:db8:1::%x' % i])
    return p


for make in (default1, mixed3, extras, corners, ports100):
    make().write()
