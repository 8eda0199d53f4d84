# SPDX-License-Identifier: GPL-2.0-or-later
"""Many small requests to an API in the shapes of Neutron's v2.0. tests/data/neutron has what the real one answered."""
import json
import re

ADMIN, BOB, EVE = ("admin", "1" * 32, "admin,member,reader"), ("bob", "2" * 32, "member,reader"), ("eve", "3" * 32, "member,reader")
GONE = "00000000-0000-4000-8000-000000000000"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def mask(text):
    """Times, numbers and MACs that are others each time."""
    text = re.sub(r'"(created_at|updated_at)": "[^"]*"', r'"\1": "TIME"', text)
    text = re.sub(r'"(standard_attr_id|revision_number)": \d+', r'"\1": 0', text)
    return re.sub(r"fa:16:3e:[0-9a-f:]{8}", "MAC", text)


class Asker:
    """send(method, path, body as text or None, who) gives status and text."""

    def __init__(self, send):
        self.send, self.recorded = send, []

    def __call__(self, method, path, body=None, token=ADMIN, raw=None, name="", record=True):
        data = raw if raw is not None else (None if body is None else json.dumps(body))
        status, text = self.send(method, "/v2.0/" + path, data, token)
        try:
            said = json.loads(text) if text else None
        except ValueError:
            said = text
        if record:
            self.recorded.append({"case": name, "as": token[0], "method": method, "path": path, "body": data, "status": status,
                                  "answer": json.loads(mask(json.dumps(said)))})
        return status, said


def run_cases(send):
    """All answers, in the order of the recorded ones."""
    ask = Asker(send)
    def group(name, token=ADMIN, record=False, **kw):
        return ask('POST', 'security-groups', {'security_group': dict(
            name=name, **kw)}, token, record=record)[1]['security_group']['id']


    def rule(name, token=ADMIN, **kw):
        return ask('POST', 'security-group-rules', {'security_group_rule': kw},
                   token, name=name)


    # --- groups -----------------------------------------------------------
    for name, kw in [
            ('no name', {}), ('a name', {'name': 'web'}),
            ('the same name again', {'name': 'web'}),
            ('empty name', {'name': ''}),
            ('name default', {'name': 'default'}),
            ('name Default', {'name': 'Default'}),
            ('name of 255', {'name': 'n' * 255}),
            ('name of 256', {'name': 'n' * 256}),
            ('name a number', {'name': 7}), ('name null', {'name': None}),
            ('description of 256', {'name': 'd', 'description': 'd' * 256}),
            ('stateful false', {'name': 's', 'stateful': False}),
            ('stateful "no"', {'name': 's', 'stateful': 'no'}),
            ('stateful "false"', {'name': 's', 'stateful': 'false'}),
            ('unknown attribute', {'name': 'x', 'colour': 'red'}),
            ('an id of my own', {'name': 'x', 'id': GONE}),
            ('with rules', {'name': 'x', 'security_group_rules': []}),
    ]:
        st, o = ask('POST', 'security-groups', {'security_group': kw},
                    name='group: ' + name)
        if st == 201:
            ask('DELETE', 'security-groups/' + o['security_group']['id'],
                record=False)
    ask('POST', 'security-groups', {'security_group': {
        'name': 'x', 'tenant_id': '3' * 32}}, BOB,
        name='group: for another project, as a member')
    ask('POST', 'security-groups', {'security_group': {
        'name': 'x', 'project_id': '3' * 32}}, ADMIN,
        name='group: for another project, as admin')
    ask('POST', 'security-groups', {'security_groups': [
        {'name': 'b1'}, {'name': 'b2'}]}, BOB, name='group: two in bulk')
    for name, raw in [('no body', ''), ('not JSON', '{nope'),
                      ('wrong key', '{"group": {}}'), ('a list', '[]'),
                      ('empty object', '{}'),
                      ('group a string', '{"security_group": "x"}')]:
        ask('POST', 'security-groups', raw=raw, name='group: ' + name)
    ask('GET', 'security-groups/' + GONE, name='group: show, absent')
    ask('GET', 'security-groups/not-a-uuid', name='group: show, no UUID')
    ask('DELETE', 'security-groups/' + GONE, name='group: delete, absent')
    ask('PUT', 'security-groups/' + GONE, {'security_group': {'name': 'y'}},
        name='group: update, absent')
    _, o = ask('GET', 'security-groups?name=default&project_id=' + '2' * 32,
               token=BOB, name='group: list default, as a member')
    bob_default = o['security_groups'][0]['id']
    ask('DELETE', 'security-groups/' + bob_default, token=BOB,
        name='group: delete default, as a member')
    ask('PUT', 'security-groups/' + bob_default, {'security_group': {
        'name': 'mine'}}, BOB, name='group: rename default')
    ask('PUT', 'security-groups/' + bob_default, {'security_group': {
        'description': 'mine'}}, BOB, name='group: describe default')
    ask('DELETE', 'security-groups/' + bob_default, token=EVE,
        name="group: delete another's")
    ask('GET', 'security-groups/' + bob_default, token=EVE,
        name="group: show another's")
    g = group('main')
    other = group('other')
    ask('PUT', 'security-groups/' + g, {'security_group': {
        'name': 'default'}}, name='group: rename to default')
    ask('PUT', 'security-groups/' + g, {'security_group': {
        'name': 'renamed', 'description': 'new'}}, name='group: update both')
    ask('PUT', 'security-groups/' + g, {'security_group': {
        'tenant_id': 'x'}}, name='group: update tenant')
    ask('PUT', 'security-groups/' + g, {'security_group': {
        'stateful': False}}, name='group: stateful, unused')
    ask('PUT', 'security-groups/' + g, {'security_group': {
        'stateful': True}}, name='group: stateful again', record=False)

    # --- rules ------------------------------------------------------------
    def r(name, keep=False, **kw):
        kw.setdefault('security_group_id', g)
        kw.setdefault('direction', 'ingress')
        for k in [k for k, v in kw.items() if v == 'LEAVE OUT']:
            del kw[k]
        st, o = rule('rule: ' + name, **kw)
        if st == 201 and not keep:
            ask('DELETE', 'security-group-rules/' +
                o['security_group_rule']['id'], record=False)
        return o

    r('least')
    r('no direction', direction='LEAVE OUT')
    r('no group', security_group_id='LEAVE OUT')
    r('absent group', security_group_id=GONE)
    r('group no UUID', security_group_id='web')
    for v in ('Ingress', 'in', '', None):
        r('direction %r' % (v,), direction=v)
    for v in ('IPv4', 'IPv6', 'ipv4', 'IPV6', 'ARP', '', None, 4):
        r('ethertype %r' % (v,), ethertype=v)
    for v in (None, 'any', 'ANY', 'tcp', 'TCP', 'Udp', 'icmp', 'icmpv6',
              'ipv6-icmp', 'ipip', 'ipv4', 'ipencap', 'ip', 'hopopt', '0',
              0, 1, 4, '4', '06', ' 6', '6 ', 6, '255', 255, '256', -1, '-1',
              '1.5', 1.5, True, [], {}, '', 'nosuch', 'vrrp', '112',
              'ipv6-encap', '41', 'sctp', 'dccp', 'udplite', '136', 'esp',
              'ah', 'gre', 'igmp', 'egp', 'ospf', 'pgm', 'rsvp',
              'ipv6-frag', 'ipv6-nonxt', 'ipv6-opts', 'ipv6-route'):
        for e in ('IPv4', 'IPv6'):
            r('protocol %r, %s' % (v, e), protocol=v, ethertype=e)
    for lo, hi in ((80, 80), (80, 90), (90, 80), (80, None), (None, 80),
                   (0, 0), (0, 80), (1, 65535), (65535, 65535), (1, 65536),
                   (-1, -1), ('80', '90'), ('a', 'b'), (80.5, 90), (' 80', 80),
                   ('', ''), (True, True)):
        r('tcp ports %r-%r' % (lo, hi), protocol='tcp', port_range_min=lo,
          port_range_max=hi)
    r('ports without a protocol', port_range_min=80, port_range_max=80)
    r('protocol any with ports', protocol='any', port_range_min=80,
      port_range_max=80)
    for proto in ('udp', 'sctp', 'dccp', 'udplite', '6', '17', '33', '132',
                  '136', 'vrrp', '112', 'ipip', '4', 'esp', 'ah', 'gre',
                  'igmp', '0', 'ip', '250'):
        r('%s ports 80-90' % proto, protocol=proto, port_range_min=80,
          port_range_max=90)
    for proto, e in (('icmp', 'IPv4'), ('1', 'IPv4'), ('icmp', 'IPv6'),
                     ('1', 'IPv6'), ('icmpv6', 'IPv6'), ('58', 'IPv6'),
                     ('ipv6-icmp', 'IPv4'), ('58', 'IPv4')):
        for t, c in ((8, 0), (8, None), (None, 0), (0, 0), (255, 255),
                     (256, 0), (8, 256), (3, 1), (8, -1)):
            r('%s %s type %r code %r' % (proto, e, t, c), protocol=proto,
              ethertype=e, port_range_min=t, port_range_max=c)
    for prefix in ('192.0.2.0/24', '192.0.2.1', '192.0.2.1/24', '0.0.0.0/0',
                   '::/0', '2001:db8::/32', '2001:db8::1', '192.0.2.0/33',
                   '192.0.2', '192.0.2.256', 'host', '', None, '10', 10,
                   '192.0.2.0/255.255.255.0', '192.0.2.0/0.0.0.255',
                   '::ffff:192.0.2.1', '2001:DB8:0:0::1/64', '192.0.2.010',
                   '0.0.0.0', '255.255.255.255', '224.0.0.0/4', '/24',
                   ' 192.0.2.1', 'fe80::1%eth0/128', '1.2.3.4/', 'a/b'):
        for e in ('IPv4', 'IPv6'):
            r('prefix %r, %s' % (prefix, e), remote_ip_prefix=prefix,
              ethertype=e)
    r('remote group', remote_group_id=other)
    r('remote group itself', remote_group_id=g)
    r('remote group absent', remote_group_id=GONE)
    r('remote group no UUID', remote_group_id='web')
    r('remote group empty', remote_group_id='')
    r('remote address group absent', remote_address_group_id=GONE)
    r('prefix and group', remote_group_id=other,
      remote_ip_prefix='192.0.2.0/24')
    r('group and address group', remote_group_id=other,
      remote_address_group_id=GONE)
    _, ag = ask('POST', 'address-groups', {'address_group': {
        'name': 'ag', 'addresses': ['192.0.2.0/24', '2001:db8::/32']}},
        name='address group')
    if isinstance(ag, dict) and 'address_group' in ag:
        r('remote address group',
          remote_address_group_id=ag['address_group']['id'])
    r('unknown attribute', colour='red')
    r('a description', description='d')
    r('description of 256', description='d' * 256)
    r('an id of my own', id=GONE)
    ask('POST', 'security-group-rules', {'security_group_rule': {
        'security_group_id': bob_default, 'direction': 'ingress'}}, EVE,
        name="rule: in another's group")
    ask('POST', 'security-group-rules', {'security_group_rule': {
        'security_group_id': bob_default, 'direction': 'ingress',
        'protocol': 'tcp'}}, ADMIN, name="rule: admin, in another's group")

    # duplicates: first rule, then one that may be the same
    for name, a, b in [
            ('tcp, tcp', {'protocol': 'tcp'}, {'protocol': 'tcp'}),
            ('tcp, 6', {'protocol': 'tcp'}, {'protocol': '6'}),
            ('6, TCP', {'protocol': 6}, {'protocol': 'TCP'}),
            ('ipip, 4', {'protocol': 'ipip'}, {'protocol': '4'}),
            ('4, 94', {'protocol': '4'}, {'protocol': '94'}),
            ('any, none', {'protocol': 'any'}, {}),
            ('none, 0', {}, {'protocol': '0'}),
            ('0, ip', {'protocol': '0'}, {'protocol': 'ip'}),
            ('ip, hopopt', {'protocol': 'ip'}, {'protocol': 'hopopt'}),
            ('none, prefix 0.0.0.0/0', {}, {'remote_ip_prefix': '0.0.0.0/0'}),
            ('prefix x.1/24, x.0/24', {'remote_ip_prefix': '192.0.2.1/24'},
             {'remote_ip_prefix': '192.0.2.0/24'}),
            ('prefix x.1, x.1/32', {'remote_ip_prefix': '192.0.2.1'},
             {'remote_ip_prefix': '192.0.2.1/32'}),
            ('description differs', {'description': 'a'},
             {'description': 'b'}),
            ('v6 icmp, ipv6-icmp', {'ethertype': 'IPv6', 'protocol': 'icmp'},
             {'ethertype': 'IPv6', 'protocol': 'ipv6-icmp'}),
            ('v6 1, 58', {'ethertype': 'IPv6', 'protocol': '1'},
             {'ethertype': 'IPv6', 'protocol': '58'}),
            ('tcp all ports, tcp', {'protocol': 'tcp', 'port_range_min': 1,
                                    'port_range_max': 65535},
             {'protocol': 'tcp'}),
            ('tcp 80, tcp 80-80 as text', {
                'protocol': 'tcp', 'port_range_min': 80,
                'port_range_max': 80},
             {'protocol': 'tcp', 'port_range_min': '80',
              'port_range_max': '80'}),
            ('v6 prefix in two spellings', {
                'ethertype': 'IPv6', 'remote_ip_prefix': '2001:db8::/32'},
             {'ethertype': 'IPv6',
              'remote_ip_prefix': '2001:0DB8:0::/32'})]:
        o = r('twice: %s (first)' % name, keep=True, **a)
        r('twice: %s (second)' % name, **b)
        if 'security_group_rule' in o:
            ask('DELETE', 'security-group-rules/' +
                o['security_group_rule']['id'], record=False)
    two = {'security_group_id': g, 'direction': 'ingress', 'protocol': 'udp'}
    ask('POST', 'security-group-rules', {'security_group_rules': [two, two]},
        name='rules: the same twice in one request')
    ask('POST', 'security-group-rules', {'security_group_rules': [
        two, dict(two, protocol='tcp')]}, name='rules: two in one request')
    ask('POST', 'security-group-rules', {'security_group_rules': [
        two, dict(two, protocol='sctp')]},
        name='rules: one of two exists already')
    ask('POST', 'security-group-rules', {'security_group_rules': [
        dict(two, protocol='gre'),
        dict(two, protocol='gre', security_group_id=other)]},
        name='rules: of two groups in one request')
    ask('POST', 'security-group-rules', {'security_group_rules': []},
        name='rules: an empty list')
    ask('GET', 'security-group-rules/' + GONE, name='rule: show, absent')
    ask('DELETE', 'security-group-rules/' + GONE,
        name='rule: delete, absent')
    _, o = ask('GET', 'security-group-rules?security_group_id=' + g,
               name='rules: of a group')
    one = o['security_group_rules'][0]['id']
    ask('PUT', 'security-group-rules/' + one, {'security_group_rule': {
        'description': 'new'}}, name='rule: update description')
    ask('PUT', 'security-group-rules/' + one, {'security_group_rule': {
        'protocol': 'tcp'}}, name='rule: update protocol')
    for q in ('protocol=udp', 'protocol=17', 'direction=egress&fields=id',
              'ethertype=IPv6&fields=ethertype', 'nosuch=1',
              'security_group_id=' + GONE, 'fields=nosuch',
              'remote_ip_prefix=0.0.0.0/0&fields=id'):
        ask('GET', 'security-group-rules?' + q, name='rules: list ' + q)

    # --- ports ------------------------------------------------------------
    net = ask('POST', 'networks', {'network': {'name': 'net'}},
              name='network')[1]['network']['id']
    sub = ask('POST', 'subnets', {'subnet': {
        'network_id': net, 'cidr': '10.0.0.0/24', 'ip_version': 4}},
        name='subnet')[1]['subnet']['id']
    ask('POST', 'subnets', {'subnet': {
        'network_id': net, 'cidr': '2001:db8:1::/64', 'ip_version': 6}},
        name='subnet, IPv6')

    def p(name, keep=False, **kw):
        kw.setdefault('network_id', net)
        st, o = ask('POST', 'ports', {'port': kw}, name='port: ' + name)
        if st == 201 and not keep:
            ask('DELETE', 'ports/' + o['port']['id'], record=False)
        return o

    loose = group('loose', stateful=False)
    p('least')
    p('no groups', security_groups=[])
    p('groups null', security_groups=None)
    p('groups a string', security_groups=g)
    p('two groups', security_groups=[g, other])
    p('a group twice', security_groups=[g, g])
    p('absent group', security_groups=[GONE])
    p('group no UUID', security_groups=['web'])
    p('stateful and stateless', security_groups=[g, loose])
    p('stateless', security_groups=[loose])
    p('security off', port_security_enabled=False)
    p('security off, a group', port_security_enabled=False,
      security_groups=[g])
    p('security off, no groups', port_security_enabled=False,
      security_groups=[])
    p('security off, pairs', port_security_enabled=False,
      security_groups=[],
      allowed_address_pairs=[{'ip_address': '10.0.0.9'}])
    p('owner network:dhcp', device_owner='network:dhcp')
    p('owner network:dhcp, a group', device_owner='network:dhcp',
      security_groups=[g])
    p('no addresses', fixed_ips=[])
    p('no addresses, a group', fixed_ips=[], security_groups=[g])
    for name, pairs in [
            ('an address', [{'ip_address': '10.0.0.9'}]),
            ('with mac', [{'ip_address': '10.0.0.9',
                           'mac_address': '00:00:5e:00:01:0a'}]),
            ('upper-case mac', [{'ip_address': '10.0.0.9',
                                 'mac_address': '00:00:5E:00:01:0A'}]),
            ('mac with dashes', [{'ip_address': '10.0.0.9',
                                  'mac_address': '00-00-5e-00-01-0a'}]),
            ('a network', [{'ip_address': '10.0.0.0/25'}]),
            ('host bits set', [{'ip_address': '10.0.0.9/25'}]),
            ('everything', [{'ip_address': '0.0.0.0/0'}]),
            ('IPv6', [{'ip_address': '2001:db8::1'}]),
            ('no address', [{'mac_address': '00:00:5e:00:01:0a'}]),
            ('bad address', [{'ip_address': 'x'}]),
            ('bad mac', [{'ip_address': '10.0.0.9', 'mac_address': 'x'}]),
            ('multicast mac', [{'ip_address': '10.0.0.9',
                                'mac_address': '01:00:5e:00:00:01'}]),
            ('multicast address', [{'ip_address': '224.0.0.5'}]),
            ('twice', [{'ip_address': '10.0.0.9'}] * 2),
            ('unknown attribute', [{'ip_address': '10.0.0.9', 'a': 1}]),
            ('not a list', {'ip_address': '10.0.0.9'}),
            ('null', None), ('eleven', [
                {'ip_address': '10.0.1.%d' % i} for i in range(11)])]:
        p('pairs: ' + name, allowed_address_pairs=pairs)
    o = p('to change', keep=True, security_groups=[g])
    pid = o['port']['id']
    for name, kw in [
            ('other group', {'security_groups': [other]}),
            ('no groups', {'security_groups': []}),
            ('stateless', {'security_groups': [loose]}),
            ('mixed', {'security_groups': [loose, g]}),
            ('absent group', {'security_groups': [GONE]}),
            ('back', {'security_groups': [g]}),
            ('security off, group left', {'port_security_enabled': False}),
            ('security off, groups gone', {'port_security_enabled': False,
                                           'security_groups': []}),
            ('a group while off', {'security_groups': [g]}),
            ('pairs while off', {'allowed_address_pairs': [
                {'ip_address': '10.0.0.9'}]}),
            ('security on', {'port_security_enabled': True}),
            ('group again', {'security_groups': [g]}),
            ('pairs', {'allowed_address_pairs': [
                {'ip_address': '10.0.0.9'}]}),
            ('no pairs', {'allowed_address_pairs': []})]:
        ask('PUT', 'ports/' + pid, {'port': kw}, name='port: set ' + name)
    ask('DELETE', 'security-groups/' + g, name='group: delete, in use')
    ask('PUT', 'security-groups/' + g, {'security_group': {
        'stateful': False}}, name='group: stateful, in use')
    ask('GET', 'ports?security_groups=%s&fields=id' % g,
        name='ports: of a group')
    ask('GET', 'ports?fixed_ips=subnet_id%%3D%s&fields=id' % sub,
        name='ports: of a subnet')
    _, o = ask('POST', 'security-group-rules', {'security_group_rule': {
        'security_group_id': other, 'direction': 'ingress',
        'remote_group_id': loose}}, name='rule: a remote group')
    ask('DELETE', 'ports/' + pid, name='port: delete')
    ask('DELETE', 'security-groups/' + loose,
        name='group: delete, another rule names it')
    ask('GET', 'security-group-rules?security_group_id=' + other,
        name='rules: after the group they name is gone')
    ask('DELETE', 'security-groups/' + g, name='group: delete')
    ask('GET', 'ports/' + GONE, name='port: show, absent')
    ask('DELETE', 'ports/' + GONE, name='port: delete, absent')

    # --- lists, quotas ----------------------------------------------------
    for q in ('fields=id&fields=name', 'sort_key=name&sort_dir=desc&fields=name',
              'limit=1&fields=name', 'name=other&fields=name', 'nosuch=x',
              'sort_key=nosuch', 'limit=-1', 'limit=x', 'stateful=true&fields=name',
              'name=&fields=name'):
        ask('GET', 'security-groups?' + q, name='groups: list ' + q)
    for i in range(12):
        st, o = ask('POST', 'security-groups', {'security_group': {
            'name': 'q%d' % i}}, EVE, record=i >= 8,
            name='quota: group %d' % i)
    _, o = ask('GET', 'security-groups?name=q0', token=EVE, record=False)
    q0 = o['security_groups'][0]['id']
    last = 201
    for i in range(110):
        st, _ = ask('POST', 'security-group-rules', {'security_group_rule': {
            'security_group_id': q0, 'direction': 'ingress',
            'protocol': 'tcp', 'port_range_min': 1000 + i,
            'port_range_max': 1000 + i}}, EVE, record=False)
        if st != last:
            ask('POST', 'security-group-rules', {'security_group_rule': {
                'security_group_id': q0, 'direction': 'ingress',
                'protocol': 'tcp', 'port_range_min': 1000 + i,
                'port_range_max': 1000 + i}}, EVE,
                name='quota: a rule too many')
            break
    ask('GET', 'quotas/' + '3' * 32, token=EVE, name='quota: show')
    ask('GET', 'nosuch', name='no such collection')
    ask('GET', 'extensions/nosuch', name='no such extension')
    ask('PATCH', 'security-groups', {}, name='method not allowed')


    return ask.recorded
