import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ReceivedForwarding, ReceivedRequest } from '../../src/http/forwarded.ts'
import { compileTrust, forwardingOf, isCidr } from '../../src/http/forwarded.ts'
import { isFieldValue } from '../../src/http/headers.ts'

describe('ranges of addresses', () => {
  test.each([
    '10.0.0.0/8',
    '10.1.2.3/8',
    '0.0.0.0/0',
    '192.0.2.1',
    '192.0.2.1/32',
    '::/0',
    '::1',
    '2001:DB8::/32',
    '::ffff:10.0.0.0/104',
  ])('%s is one', (text) => {
    expect(isCidr(text)).toBe(true)
    expect(() => compileTrust([text])).not.toThrow()
  })

  test.each([
    '',
    '/',
    '10/8',
    '10.0.0/8',
    '0x0a.0.0.0/8',
    '010.0.0.0/8',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/+8',
    '10.0.0.0/8/8',
    '10.0.0.0/255.0.0.0',
    ' 10.0.0.0/8',
    '::/129',
    '[::1]',
    'fe80::1%eth0',
    'localhost',
    '*',
  ])('%j is none', (text) => {
    expect(isCidr(text)).toBe(false)
    expect(() => compileTrust(['::1', text])).toThrow(RangeError)
  })
})

describe('who is trusted', () => {
  const cases: readonly (readonly [readonly string[], string, boolean])[] = [
    [[], '127.0.0.1', false],
    [['10.0.0.0/8'], '10.255.0.1', true],
    [['10.0.0.0/8'], '11.0.0.1', false],
    [['10.0.0.0/8'], '::ffff:10.255.0.1', true],
    [['10.0.0.0/8'], '::ffff:aff:1', true],
    [['10.0.0.0/8'], '::10.255.0.1', false],
    [['::ffff:10.0.0.0/104'], '10.255.0.1', true],
    [['::ffff:10.0.0.0/104'], '11.0.0.1', false],
    [['::10.0.0.0/104'], '10.255.0.1', false],
    [['::10.0.0.0/104'], '::10.255.0.1', true],
    [['192.0.2.1'], '192.0.2.1', true],
    [['192.0.2.1'], '192.0.2.2', false],
    [['0.0.0.0/0'], '203.0.113.9', true],
    [['0.0.0.0/0'], '2001:db8::1', false],
    [['::/0'], '2001:db8::1', true],
    [['::/0'], '203.0.113.9', false],
    [['fe80::/10', '::1'], 'fe80::1%eth0', true],
    [['fe80::/10', '::1'], '0:0:0:0:0:0:0:1', true],
    [['0.0.0.0/0', '::/0'], 'unknown', false],
    [['0.0.0.0/0', '::/0'], '', false],
    [['0.0.0.0/0', '::/0'], '10', false],
    [['0.0.0.0/0', '::/0'], '10.0.0.1:80', false],
  ]
  test.each(cases)('%j, asked about %j: %s', (cidrs, address, expected) => {
    expect(compileTrust(cidrs)(address)).toBe(expected)
  })
})

const trust = compileTrust(['10.0.0.0/8', '2001:db8:aaaa::/48'])

/** The fields by name, and the client, for a request of this peer. */
function tell(peerAddress: string | undefined, received: ReceivedForwarding = {}, more: Partial<ReceivedRequest> = {}) {
  const request: ReceivedRequest = { peerAddress, scheme: 'http', host: 'media.example', received, ...more }
  const { fields, clientAddress } = forwardingOf(request, trust)
  const names = fields.filter((_, index) => index % 2 === 0)
  const [xForwardedFor, xForwardedProto, xForwardedHost, forwarded] = [
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'X-Forwarded-Host',
    'Forwarded',
  ].map((name) => fields[names.indexOf(name) * 2 + 1])
  expect(new Set(names).size).toBe(names.length)
  return { xForwardedFor, xForwardedProto, xForwardedHost, forwarded, clientAddress, names }
}

describe('an untrusted peer', () => {
  test('is the client, whatever it says', () => {
    const received = {
      xForwardedFor: '198.51.100.1, 10.0.0.1',
      xForwardedProto: 'https',
      xForwardedHost: 'evil.example',
      forwarded: 'for=198.51.100.1;proto=https',
    }
    expect(tell('203.0.113.9', received)).toMatchObject({
      xForwardedFor: '203.0.113.9',
      xForwardedProto: 'http',
      xForwardedHost: 'media.example',
      forwarded: 'for=203.0.113.9;host=media.example;proto=http',
      clientAddress: '203.0.113.9',
    })
  })

  test('with an IPv6 address stands in brackets and quotes in Forwarded alone', () => {
    expect(tell('2001:DB8:0::1', {}, { scheme: 'https' })).toMatchObject({
      xForwardedFor: '2001:db8::1',
      forwarded: 'for="[2001:db8::1]";host=media.example;proto=https',
      clientAddress: '2001:db8::1',
    })
  })

  test('with a mapped address is an IPv4 one, and a zone is left out', () => {
    expect(tell('::ffff:203.0.113.9').xForwardedFor).toBe('203.0.113.9')
    expect(tell('fe80::1%eth0').forwarded).toBe('for="[fe80::1]";host=media.example;proto=http')
  })

  test.each([undefined, '', 'pipe'])('without an address (%j) is unknown', (peer) => {
    expect(tell(peer, { xForwardedFor: '198.51.100.1' })).toMatchObject({
      xForwardedFor: 'unknown',
      forwarded: 'for=unknown;host=media.example;proto=http',
      clientAddress: 'unknown',
    })
  })
})

describe('the host', () => {
  test('is quoted in Forwarded where it has a port or brackets', () => {
    expect(tell('203.0.113.9', {}, { host: 'media.example:8080' })).toMatchObject({
      xForwardedHost: 'media.example:8080',
      forwarded: 'for=203.0.113.9;host="media.example:8080";proto=http',
    })
    expect(tell('203.0.113.9', {}, { host: '[::1]' }).forwarded).toBe('for=203.0.113.9;host="[::1]";proto=http')
  })

  test.each([undefined, '', 'a b', 'a,b', 'a"b', 'a/b', 'user@a', 'a:b', 'a\\', '[::1', 'a\r\nb'])(
    '%j is left out',
    (host) => {
      const told = tell('203.0.113.9', {}, { host })
      expect(told.names).not.toContain('X-Forwarded-Host')
      expect(told.forwarded).toBe('for=203.0.113.9;proto=http')
    },
  )
})

describe('a trusted peer', () => {
  test('is added to what it sent', () => {
    const received = {
      xForwardedFor: '203.0.113.9',
      xForwardedProto: 'HTTPS',
      xForwardedHost: 'www.example:443',
      forwarded: 'for=203.0.113.9;proto=https;by=_lb',
    }
    expect(tell('10.0.0.1', received)).toMatchObject({
      xForwardedFor: '203.0.113.9, 10.0.0.1',
      xForwardedProto: 'https',
      xForwardedHost: 'www.example:443',
      forwarded: 'for=203.0.113.9;proto=https;by=_lb, for=10.0.0.1;host=media.example;proto=http',
      clientAddress: '203.0.113.9',
    })
  })

  test('that sent nothing is the client', () => {
    expect(tell('::ffff:10.0.0.1')).toMatchObject({
      xForwardedFor: '10.0.0.1',
      xForwardedProto: 'http',
      forwarded: 'for=10.0.0.1;host=media.example;proto=http',
      clientAddress: '10.0.0.1',
    })
  })

  test('that sent X-Forwarded-For alone gets a Forwarded that says the same', () => {
    expect(tell('10.0.0.1', { xForwardedFor: ['203.0.113.9', '2001:db8:aaaa::2'] })).toMatchObject({
      xForwardedFor: '203.0.113.9, 2001:db8:aaaa::2, 10.0.0.1',
      forwarded: 'for=203.0.113.9, for="[2001:db8:aaaa::2]", for=10.0.0.1;host=media.example;proto=http',
      clientAddress: '203.0.113.9',
    })
  })

  test('that sent Forwarded alone gets an X-Forwarded-For that says the same', () => {
    const forwarded = 'For="[2001:db8:cafe::17]:4711";proto=https , for=10.0.0.2; host="a\\"b";'
    expect(tell('10.0.0.1', { forwarded })).toMatchObject({
      xForwardedFor: '2001:db8:cafe::17, 10.0.0.2, 10.0.0.1',
      forwarded: `${forwarded.replace(' ,', ',')}, for=10.0.0.1;host=media.example;proto=http`,
      clientAddress: '2001:db8:cafe::17',
    })
  })

  test('that let a made-up Forwarded through is believed in what it wrote itself', () => {
    const received = { xForwardedFor: '203.0.113.9', forwarded: 'for=10.66.66.66;proto=https' }
    expect(tell('10.0.0.1', received)).toMatchObject({
      xForwardedFor: '203.0.113.9, 10.0.0.1',
      forwarded: 'for=203.0.113.9, for=10.0.0.1;host=media.example;proto=http',
      clientAddress: '203.0.113.9',
    })
  })

  test('is believed only as far to the left as all are trusted', () => {
    const xForwardedFor = '198.51.100.7, 203.0.113.9, 10.0.0.3, 10.0.0.2'
    expect(tell('10.0.0.1', { xForwardedFor }).clientAddress).toBe('203.0.113.9')
    expect(tell('10.0.0.1', { xForwardedFor: '10.0.0.3, 10.0.0.2' }).clientAddress).toBe('10.0.0.3')
  })

  const members: readonly (readonly [string, string])[] = [
    ['203.0.113.9:51000', '203.0.113.9'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['2001:DB8::1', '2001:db8::1'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    [' ,, 203.0.113.9\t,', '203.0.113.9'],
    ['garbage, 203.0.113.9', '203.0.113.9'],
    ['198.51.100.1, unknown, 203.0.113.9', '203.0.113.9'],
  ]
  test.each(members)('X-Forwarded-For: %j is %s', (xForwardedFor, expected) => {
    expect(tell('10.0.0.1', { xForwardedFor })).toMatchObject({
      xForwardedFor: `${expected}, 10.0.0.1`,
      clientAddress: expected,
    })
  })

  test.each([
    'garbage',
    '203.0.113.9, garbage',
    '203.0.113.9, unknown',
    '203.0.113.256',
    '203.0.113.9:port',
    '203.0.113.9:123456',
    '[203.0.113.9]',
    '[::1',
    'fe80::1%eth0',
    '"203.0.113.9"',
    '0x7f.1',
  ])('X-Forwarded-For: %j is dropped', (xForwardedFor) => {
    expect(tell('10.0.0.1', { xForwardedFor })).toMatchObject({ xForwardedFor: '10.0.0.1', clientAddress: '10.0.0.1' })
  })

  test.each(['', 'https, http', 'h ttps', '1https', 'https:', '"https"'])(
    'X-Forwarded-Proto: %j is dropped',
    (value) => {
      expect(tell('10.0.0.1', { xForwardedProto: value }).xForwardedProto).toBe('http')
      expect(tell('10.0.0.1', { xForwardedProto: ['https', 'https'] }).xForwardedProto).toBe('http')
    },
  )

  test.each(['', 'a, b', 'a b', 'http://a/', 'a:b'])('X-Forwarded-Host: %j is dropped', (value) => {
    expect(tell('10.0.0.1', { xForwardedHost: value }).xForwardedHost).toBe('media.example')
  })

  const own = 'for=10.0.0.1;host=media.example;proto=http'
  const broken: readonly (readonly [string, string])[] = [
    ['for', own],
    ['for=', own],
    ['for="203.0.113.9', own],
    ['for=203.0.113.9 x', own],
    ['for=203.0.113.9;for=203.0.113.9', own],
    ['for=2001:db8::1', own],
    [';', own],
    ['for = 203.0.113.9', own],
    ['for="x, for=203.0.113.9', `for=203.0.113.9, ${own}`],
    ['for="x, for="[2001:db8::1]"', `for="[2001:db8::1]", ${own}`],
    ['for="evil, for=10.9.9.9;x=", for=203.0.113.9', `for="evil, for=10.9.9.9;x=", for=203.0.113.9, ${own}`],
    ['for=198.51.100.1, ?, for=203.0.113.9', `for=203.0.113.9, ${own}`],
    ['for=203.0.113.9, for=1 2', own],
    ['for=203.0.113.9, for=_hidden', `for=203.0.113.9, for=_hidden, ${own}`],
  ]
  test.each(broken)('Forwarded: %j becomes %j', (forwarded, expected) => {
    const told = tell('10.0.0.1', { forwarded })
    expect(told.forwarded).toBe(expected)
    expect(['10.0.0.1', '203.0.113.9', '2001:db8::1']).toContain(told.clientAddress)
    if (forwarded.endsWith('_hidden')) expect(told.xForwardedFor).toBe('10.0.0.1')
  })
})

const piece = fc.oneof(
  fc.constantFrom(
    'for=',
    '"',
    '[',
    ']',
    '\\',
    ',',
    ';',
    ' ',
    '10.0.0.1',
    '203.0.113.9',
    '::1',
    ':80',
    'proto=https',
    '=',
  ),
  fc.string({ unit: 'binary', maxLength: 3 }),
)
const text = fc.array(piece, { maxLength: 10 }).map((pieces) => pieces.join(''))
const maybe = fc.option(fc.oneof(text, fc.array(text, { maxLength: 3 })), { nil: undefined })
const received = fc.record({ xForwardedFor: maybe, xForwardedProto: maybe, xForwardedHost: maybe, forwarded: maybe })
const address = fc.oneof(fc.ipV4(), fc.ipV6(), text)

test('whatever comes in, only what a message can carry goes out, and an untrusted peer changes nothing', () => {
  fc.assert(
    fc.property(address, received, fc.option(text, { nil: undefined }), (peerAddress, sent, host) => {
      const request: ReceivedRequest = { peerAddress, scheme: 'https', host, received: sent }
      const { fields, clientAddress } = forwardingOf(request, trust)
      expect(fields.every(isFieldValue)).toBe(true)
      expect(isCidr(clientAddress) || clientAddress === 'unknown').toBe(true)
      if (!trust(peerAddress)) expect(forwardingOf({ ...request, received: {} }, trust).fields).toEqual(fields)
    }),
    { numRuns: 500 },
  )
})

test('what one proxy writes the next one reads, hop by hop', () => {
  const everybody = compileTrust(['0.0.0.0/0', '::/0'])
  const peers = fc.array(fc.oneof(fc.ipV4(), fc.ipV6()), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(peers, fc.constantFrom('both', 'xForwardedFor', 'forwarded'), (addresses, kept) => {
      let sent: ReceivedForwarding = {}
      let hosts = 0
      let last = { xForwardedFor: '', forwarded: '' }
      let client = ''
      for (const peerAddress of addresses) {
        const request = { peerAddress, scheme: 'http', host: `h${hosts}:80`, received: sent } as const
        const { fields, clientAddress } = forwardingOf(request, everybody)
        last = { xForwardedFor: fields[1] ?? '', forwarded: fields.at(-1) ?? '' }
        sent = kept === 'both' ? last : { [kept]: last[kept] }
        hosts += 1
        client = clientAddress
      }
      const seen = last.xForwardedFor.split(', ')
      expect(seen.length).toBe(addresses.length)
      expect(seen[0]).toBe(client)
      expect(last.forwarded.split(/, (?=for=)/).length).toBe(addresses.length)
    }),
    { numRuns: 300 },
  )
})

test('a long Forwarded is read without harm', () => {
  const forwarded = `for="${'\\a'.repeat(300_000)}`
  expect(tell('10.0.0.1', { forwarded }).clientAddress).toBe('10.0.0.1')
  expect(tell('10.0.0.1', { forwarded: `${forwarded}", for=203.0.113.9` }).clientAddress).toBe('203.0.113.9')
})
