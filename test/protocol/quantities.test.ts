import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesInWords, counted } from '../../src/protocol/quantities.ts'

test('one of something is one, and all others are many', () => {
  assert.deepEqual(
    [0, 1, 2].map(count => counted(count, 'file')),
    ['0 files', '1 file', '2 files'],
  )
})

test('bytes are said in a unit in which there is at least one of it, and nearly as many as there are', () =>
  fc.assert(
    fc.property(fc.oneof(fc.nat(5000), fc.double({ min: 0, max: 2 ** 49, noNaN: true }).map(Math.floor)), bytes => {
      const said = bytesInWords(bytes)
      const [, number = '', unit = ''] = /^(\d+(?:\.\d)?) (bytes?|KiB|MiB|GiB|TiB)$/.exec(said) ?? []
      const power = ['byte', 'KiB', 'MiB', 'GiB', 'TiB'].indexOf(unit.replace(/s$/, ''))
      const value = Number(number) * 1024 ** power
      assert.ok(
        power === 0 ? value === bytes : Number(number) >= 1 && value <= bytes && bytes - value <= 0.1 * 1024 ** power,
      )
      if (power < 4) assert.ok(Number(number) < 1024, said)
    }),
  ))

test('sizes of segments are said as one reads them', () => {
  assert.deepEqual([0, 1, 32, 1023, 1024, 1_048_575, 1_048_576, 4 * 2 ** 30].map(bytesInWords), [
    '0 bytes',
    '1 byte',
    '32 bytes',
    '1023 bytes',
    '1.0 KiB',
    '1023.9 KiB',
    '1.0 MiB',
    '4.0 GiB',
  ])
})
