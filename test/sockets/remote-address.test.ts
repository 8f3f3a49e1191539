import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { countedAddress } from '../../src/sockets/remote-address.ts'

const group = fc.integer({ min: 0, max: 0xffff })
const network = fc.tuple(group, group, group, group).filter(groups => groups.some(each => each !== 0))
const host = fc.tuple(group, group, group, group)

/** An address in hexadecimal, with its longest run of zeros left out (RFC 5952 section 4.2) or not. */
const written = (groups: readonly number[], isShort: boolean) => {
  const full = groups.map(each => each.toString(16)).join(':')
  return isShort ? new URL(`http://[${full}]`).hostname.slice(1, -1) : full
}

describe('an address as it is counted', () => {
  test('is the address itself for IPv4, however it is written', () => {
    fc.assert(
      fc.property(fc.ipV4(), address => {
        const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number)
        const mapped = written([0, 0, 0, 0, 0, 0xffff, a * 256 + b, c * 256 + d], true)
        for (const each of [address, `::ffff:${address}`, `0:0:0:0:0:FFFF:${address}`, mapped])
          assert.equal(countedAddress(each), address)
      }),
    )
  })

  test('is one for all of a /64 of IPv6, and another for another', () => {
    fc.assert(
      fc.property(network, network, host, host, fc.boolean(), (one, other, first, second, isShort) => {
        const counted = countedAddress(written([...one, ...first], isShort))
        assert.equal(counted, countedAddress(written([...one, ...second], !isShort)))
        assert.equal(counted, countedAddress(`${written([...one, ...second], isShort)}%eth0`))
        const isSame = one.every((each, index) => each === other[index])
        assert.equal(counted === countedAddress(written([...other, ...first], isShort)), isSame)
      }),
    )
  })

  test('stays as it is if it is none', () => {
    for (const each of ['', 'somewhere', '1.2.3']) assert.equal(countedAddress(each), each)
    assert.equal(countedAddress('::1'), '::/64')
    assert.equal(countedAddress('2001:db8:1::2'), '2001:db8:1::/64')
  })
})
