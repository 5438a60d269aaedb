import { decodeCmcd, encodeCmcd } from '@svta/cml-cmcd'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readCmcd, withoutCmcd } from '../../src/media/cmcd.ts'

const fromQuery = (text: string) => readCmcd(`CMCD=${encodeURIComponent(text)}`, {})

const TYPICAL =
  'bl=21300,br=3200,bs,cid="faec5fc2",d=4004,dl=18500,mtp=48100,nor="..%2F300kbps%2Ftrack.m4v",ot=v,rtp=12000,sf=h,sid="6e2fb550-c457-11e9-bb97-0800200c9a66",st=v,su,tb=6000'
const READ = {
  bl: 21_300,
  br: 3200,
  bs: true,
  mtp: 48_100,
  ot: 'v',
  sid: '6e2fb550-c457-11e9-bb97-0800200c9a66',
  su: true,
}

describe('what a player tells', () => {
  test('is read from the query, wherever in it', () => {
    expect(fromQuery(TYPICAL)).toEqual(READ)
    expect(readCmcd(`a=1&CMCD=${encodeURIComponent(TYPICAL)}&b=2`, {})).toEqual(READ)
  })

  test('is read from the four fields, whichever of them are there', () => {
    expect(
      readCmcd('', {
        'cmcd-request': 'bl=21300,mtp=48100,su',
        'cmcd-object': 'br=3200,ot=v,d=4004',
        'cmcd-status': 'bs',
        'cmcd-session': 'sid="6e2fb550-c457-11e9-bb97-0800200c9a66",st=v',
      }),
    ).toEqual(READ)
    expect(readCmcd('', { 'cmcd-object': 'ot=m' })).toEqual({ ot: 'm' })
  })

  test('is as often nothing', () => {
    expect(readCmcd('', {})).toBeUndefined()
    expect(readCmcd('v=1&XCMCD=ot%3Dv', {})).toBeUndefined()
    expect(readCmcd('CMCD=', {})).toBeUndefined()
  })

  test.each([
    ['a list of bitrates has its first one read', 'br=(3200;v 128;a),ot=av', { br: 3200, ot: 'av' }],
    ['what stands in quotes is not looked into', 'cid="a,br=5,\\",bl=6",br=7', { br: 7 }],
    ['a session without quotes is one', 'sid=abc', { sid: 'abc' }],
    ['a flag that says no is none', 'bs=?0,su=?1', { su: true }],
    ['spaces do not matter', 'br=1, bl=2 ,ot=a', { br: 1, bl: 2, ot: 'a' }],
    ['fractions are cut off', 'br=1.5', { br: 1 }],
    ['numbers that are none are left out', 'br=-1,bl=x,mtp=99999999999,ot=v', { ot: 'v' }],
    ['types that are none are left out', 'ot=vv,br=1', { br: 1 }],
    ['a session longer than 64 characters is left out', `sid="${'x'.repeat(65)}",br=1`, { br: 1 }],
    ['so is one with control characters', 'sid="a\u001bb",br=1', { br: 1 }],
    ['so is one that would end a quoted text', 'sid="a\\"b",br=1', { br: 1 }],
    ['an inherited name is no key', '__proto__=1,constructor=2,br=1', undefined],
    ['what breaks off is read as far as it goes', 'br=1,sid="abc', { br: 1 }],
    ['what is too long is not read', `br=1,nor="${'x'.repeat(3000)}"`, undefined],
  ])('%s', (_title, text, expected) => {
    expect(fromQuery(text)).toEqual(expected)
  })

  test('bytes that are no text are not read', () => {
    expect(readCmcd('CMCD=%ff%fe', {})).toBeUndefined()
    expect(readCmcd('CMCD=%zz', {})).toBeUndefined()
  })

  test('whatever it is, comes out bounded and of its type', () => {
    const words = fc.constantFrom(
      'br',
      'bl',
      'sid',
      'ot',
      'su',
      'bs',
      '=',
      ',',
      '"',
      '\\',
      '1',
      '-',
      '.',
      '(',
      ')',
      ';v',
      ' ',
      'v',
      '%',
      '&',
      '\u0000',
    )
    fc.assert(
      fc.property(
        fc.array(words, { maxLength: 60 }).map((parts) => parts.join('')),
        (text) => {
          const read = { ...fromQuery(text), ...readCmcd('', { 'cmcd-session': text }) }
          for (const number of [read.br, read.bl, read.mtp]) expect(number ?? 0).toBeLessThan(1e9)
          expect(read.sid ?? 'x').toMatch(/^[!-~]{1,64}$/)
        },
      ),
    )
  })

  test('is what a library that writes it has written, and what it reads of that', () => {
    const written = fc.record(
      {
        br: fc.nat({ max: 100_000 }),
        bl: fc.nat({ max: 1000 }).map((hundreds) => hundreds * 100),
        mtp: fc.nat({ max: 1000 }).map((hundreds) => hundreds * 100),
        bs: fc.constant(true as const),
        su: fc.constant(true as const),
        ot: fc.constantFrom('m', 'a', 'v', 'av', 'i', 'c', 'tt', 'k', 'o'),
        sid: fc.uuid(),
      },
      { requiredKeys: ['sid'] },
    )
    fc.assert(
      fc.property(written, (told) => {
        const text = encodeCmcd({ ...told, cid: 'a "quoted", name', v: 1 } as unknown as Parameters<
          typeof encodeCmcd
        >[0])
        const { sid, ot, br, bl, bs, su, mtp } = decodeCmcd(text) as Record<string, unknown>
        const theirs = Object.entries({ sid, ot, br, bl, bs, su, mtp }).filter(([, value]) => value !== undefined)
        expect(fromQuery(text)).toEqual(Object.fromEntries(theirs))
      }),
    )
  })
})

test.each([
  ['', ''],
  ['?', '?'],
  ['?a=1', '?a=1'],
  ['?CMCD=x', ''],
  ['?a=1&CMCD=x%2Cy&b=2', '?a=1&b=2'],
  ['?CMCD=x&CMCD=y&a=1', '?a=1'],
  ['?XCMCD=x&a=1', '?XCMCD=x&a=1'],
])('%s is asked of an origin as %s', (sent, asked) => {
  expect(withoutCmcd(sent)).toBe(asked)
})
