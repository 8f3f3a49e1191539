import { idOf, indicatorWith, sightingWith } from './stix-samples.ts'
import { accepted, invalid, missing, noPattern, table, values } from './stix-tables.ts'

// A publisher sends a body → the broker checks it before anybody else sees it.

const patternOf20 = "[a:b = 1] START '2016-06-01T00:00:00Z' STOP '2016-07-01T00:00:00Z'"
table('indicators', [
  ['an indicator without a pattern', indicatorWith({ pattern: undefined }), missing, missing],
  ['an indicator with null for a pattern', indicatorWith({ pattern: null }), missing, invalid],
  ['an indicator without a pattern_type', indicatorWith({ pattern_type: undefined }), accepted, missing],
  [
    'a pattern that is none, without a pattern_type',
    indicatorWith({ pattern: 'alert tcp', pattern_type: undefined }),
    missing,
    missing,
  ],
  [
    'a number for a pattern, without a pattern_type',
    indicatorWith({ pattern: 5, pattern_type: null }),
    noPattern,
    invalid,
  ],
  [
    'a pattern of STIX 2.0, without a pattern_type',
    indicatorWith({ pattern: patternOf20, pattern_version: '2.0', pattern_type: undefined }),
    accepted,
    missing,
  ],
  ['a pattern that is none', indicatorWith({ pattern: 'domain-name:value' }), noPattern, noPattern],
  ['an empty pattern', indicatorWith({ pattern: '' }), noPattern, noPattern],
  ['a number for a pattern', indicatorWith({ pattern: 5 }), noPattern, invalid],
  ['a pattern in another language', indicatorWith({ pattern: 'alert tcp', pattern_type: 'snort' }), accepted, accepted],
  ['an empty pattern in another language', indicatorWith({ pattern: '', pattern_type: 'yara' }), accepted, accepted],
  [
    'an object for a pattern in another language',
    indicatorWith({ pattern: {}, pattern_type: 'sigma' }),
    accepted,
    invalid,
  ],
  [
    'STIX in capitals, which is another language',
    indicatorWith({ pattern: 'x', pattern_type: 'STIX' }),
    accepted,
    accepted,
  ],
  ...values(changes => indicatorWith({ pattern: patternOf20, ...changes }), 'pattern_version', [
    ['2.0', accepted, accepted],
    [2, accepted, invalid],
    ['2.1', noPattern, noPattern],
    ['2.2', noPattern, noPattern],
    [undefined, noPattern, noPattern],
  ]),
  ['an indicator without a pattern_version', indicatorWith({ pattern_version: undefined }), accepted, accepted],
  ['valid_until after valid_from', indicatorWith({ valid_until: '2024-01-26T21:28:21.000001Z' }), accepted, accepted],
  ...values(changes => indicatorWith({ valid_from: '2024-01-26T21:28:21.1234567Z', ...changes }), 'valid_until', [
    ['2024-01-26T21:28:21.123456701Z', accepted, accepted],
    ['2024-01-26T21:28:21.123456700Z', invalid, invalid],
    ['2024-01-26T21:28:21.123456699Z', invalid, invalid],
  ]),
  ['valid_until equal to valid_from', indicatorWith({ valid_until: '2024-01-26T21:28:21.000Z' }), invalid, invalid],
  ['valid_until before valid_from', indicatorWith({ valid_until: '2024-01-26T21:28:20.999Z' }), invalid, invalid],
  ...values(changes => indicatorWith({ valid_until: '2024-01-26T21:28:21.000Z', ...changes }), 'revoked', [
    [true, accepted, invalid],
    ['True', accepted, invalid],
    [1, accepted, invalid],
    [false, invalid, invalid],
    ['f', invalid, invalid],
    [null, invalid, invalid],
  ]),
  [
    'valid_until before valid_from of what was revoked',
    indicatorWith({ valid_until: '2024-01-26T21:28:20.999Z', revoked: true }),
    invalid,
    invalid,
  ],
  ...values(indicatorWith, 'indicator_types', [
    [['malicious-activity', 'anything else'], accepted, accepted],
    ['malicious-activity', accepted, invalid],
    [5, invalid, invalid],
  ]),
  ...values(indicatorWith, 'kill_chain_phases', [
    [[{ kill_chain_name: 'x', phase_name: 'y', x_own: 1 }], accepted, accepted],
    [[{ kill_chain_name: 'x', phase_name: 5 }], accepted, invalid],
    [[{ kill_chain_name: 'x' }], invalid, invalid],
    [{ kill_chain_name: 'x', phase_name: 'y' }, invalid, invalid],
    [[null], invalid, invalid],
  ]),
])

const nil = '00000000-0000-0000-0000-000000000000'
table('sightings', [
  ...values(sightingWith, 'sighting_of_ref', [
    [idOf('malware'), accepted, accepted],
    [idOf('observed-data'), accepted, accepted],
    [idOf('x-acme-beast'), accepted, accepted],
    [idOf('marking-definition'), accepted, invalid],
    [idOf('No Type'), accepted, invalid],
    [idOf('ipv4-addr'), accepted, invalid],
    [idOf('file', '28bb3599-77cd-5a82-a950-b5bc3caf07c4'), accepted, invalid],
    [idOf('relationship'), invalid, invalid],
    [idOf('sighting'), invalid, invalid],
    [idOf('note', nil), accepted, invalid],
    [idOf('ipv4-addr', nil), accepted, invalid],
    [idOf('sighting', nil), invalid, invalid],
    [nil, invalid, invalid],
    [`note-${nil}`, invalid, invalid],
    [`${idOf('note', nil)}0`, invalid, invalid],
    [idOf('note', nil.replace('0', '1')), invalid, invalid],
    ['indicator', invalid, invalid],
    [{}, invalid, invalid],
    [undefined, missing, missing],
    [null, missing, invalid],
  ]),
  ...values(sightingWith, 'count', [
    [0, accepted, accepted],
    [999_999_999, accepted, accepted],
    [1_000_000_000, invalid, invalid],
    [-1, invalid, invalid],
    [-0.5, accepted, invalid],
    ['5', accepted, invalid],
    ['1000000000', invalid, invalid],
    [1e300, invalid, invalid],
  ]),
  ...values(sightingWith, 'observed_data_refs', [
    [[idOf('observed-data')], accepted, accepted],
    [[idOf('indicator')], invalid, invalid],
    [[idOf('observed-data', nil)], invalid, invalid],
    [idOf('observed-data'), accepted, invalid],
  ]),
  ...values(sightingWith, 'where_sighted_refs', [
    [[idOf('identity'), idOf('location')], accepted, accepted],
    [[idOf('indicator')], invalid, invalid],
  ]),
  ...values(sightingWith, 'summary', [
    [true, accepted, accepted],
    ['false', accepted, invalid],
    ['maybe', invalid, invalid],
  ]),
  [
    'last_seen equal to first_seen',
    sightingWith({ first_seen: '2024-01-26T21:28:21.10Z', last_seen: '2024-01-26T21:28:21.1Z' }),
    accepted,
    accepted,
  ],
  [
    'last_seen before first_seen',
    sightingWith({ first_seen: '2024-01-26T21:28:21.1Z', last_seen: '2024-01-26T21:28:21Z' }),
    invalid,
    invalid,
  ],
  ...values(changes => sightingWith({ first_seen: '2024-01-26T21:28:21.000000002Z', ...changes }), 'last_seen', [
    ['2024-01-26T21:28:21.000000002Z', accepted, accepted],
    ['2024-01-26T21:28:21.000000001Z', invalid, invalid],
  ]),
  ['last_seen without first_seen', sightingWith({ last_seen: '2024-01-26T21:28:21Z' }), accepted, accepted],
])
