/** However a path is written, a token of any scheme, in any place, reaches no object that it does not cover; over TLS too. */
import { createHmac, hash } from 'node:crypto'
import { connect } from 'node:tls'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HMAC_KEY, hmacToken } from '../support/access-tokens.ts'
import { makeCertificate } from '../support/certificates.ts'
import { openSession, requestOn } from '../support/http2-client.ts'
import { rawOn } from '../support/raw-client.ts'
import { hasAnswers, parseAnswers, startShield } from '../support/shield.ts'

const HEX_KEY = Buffer.from('hush-hex-key-4711').toString('hex')
const KEYS = { k1: HMAC_KEY }
/** Of every scheme under a name of its own, since a route has one. */
const SCHEMES = {
  hmac: { scheme: 'hmac', in: ['path', 'query', 'cookie'], keys: KEYS },
  edgeauth: { scheme: 'edgeauth', in: ['query', 'cookie', 'header'], name: 'hdnts', keys: { k1: HEX_KEY } },
  link: { scheme: 'secure-link', keys: KEYS },
  bunny: { scheme: 'bunny', keys: KEYS },
}

interface Ticket {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

const query = (path: string, parameters: string) => `${path}${path.includes('?') ? '&' : '?'}${parameters}`

/** How one scheme, in one place, shows a path a token for another. */
const TICKETS: Readonly<Record<string, (path: string, covered: string, nowMs: number) => Ticket>> = {
  'hmac in the path': (path, covered, nowMs) => ({ path: `/token=${hmacToken(covered, nowMs)}${path}`, headers: {} }),
  'hmac in the query': (path, covered, nowMs) => ({
    path: query(path, `token=${hmacToken(covered, nowMs)}`),
    headers: {},
  }),
  'hmac in a cookie': (path, covered, nowMs) => ({ path, headers: { Cookie: `token=${hmacToken(covered, nowMs)}` } }),
  'edgeauth in the query': (path, covered, nowMs) => ({
    path: query(path, `hdnts=${edgeToken(covered, nowMs)}`),
    headers: {},
  }),
  'edgeauth in a field': (path, covered, nowMs) => ({ path, headers: { Hdnts: edgeToken(covered, nowMs) } }),
  'edgeauth in a cookie': (path, covered, nowMs) => ({
    path,
    headers: { Cookie: `hdnts=${edgeToken(covered, nowMs)}` },
  }),
  'link in the query': (path, covered, nowMs) => {
    const md5 = hash('md5', `${soon(nowMs)}${covered}a ${HMAC_KEY}`, 'base64url')
    return { path: query(path, `md5=${md5}&expires=${soon(nowMs)}`), headers: {} }
  },
  'bunny in the query': (path, covered, nowMs) => ({
    path: query(path, `token=${bunny(covered, nowMs)}`),
    headers: {},
  }),
  'bunny in the path': (path, covered, nowMs) => ({ path: `/bcdn_token=${bunny(covered, nowMs)}${path}`, headers: {} }),
}

const soon = (nowMs: number) => Math.floor(nowMs / 1000) + 3600

function edgeToken(covered: string, nowMs: number): string {
  const signed = `exp=${soon(nowMs)}~acl=${covered}*`
  return `${signed}~hmac=${createHmac('sha256', Buffer.from(HEX_KEY, 'hex')).update(signed).digest('hex')}`
}

function bunny(covered: string, nowMs: number): string {
  const token = createHmac('sha256', HMAC_KEY)
    .update(`${covered}${soon(nowMs)}token_path=${covered}`)
    .digest('base64url')
  return `HS256-${token}&expires=${soon(nowMs)}&token_path=${encodeURIComponent(covered)}`
}

const PIECES = [
  '/',
  '//',
  '.',
  '..',
  '/../',
  '/./',
  '%2e',
  '%2E%2e',
  '%2f',
  '%5c',
  '\\',
  '%252f',
  '%252e',
  '%00',
  '%ff',
]
const WORDS = [
  'clip',
  'CLIP',
  'Clip',
  '%63lip',
  'other',
  'a',
  'b',
  ';',
  '+',
  '%20',
  '%c3%a4',
  '%09',
  '%0a',
  '*',
  '~',
  '!',
  '?',
  '&',
  '=',
  '%3f',
  '%23',
]
const tail = fc.array(fc.constantFrom(...PIECES, ...WORDS), { maxLength: 6 }).map((pieces) => pieces.join(''))
const opening = fc.constantFrom(
  '/clip/',
  '/clip/a',
  '/clip',
  '/',
  '//clip/',
  '/%63lip/',
  '%2Fclip/',
  '/CLIP/',
  '/other/',
)

async function openHttp1(port: number) {
  return async ({ path, headers }: Ticket) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
    const connection = rawOn(socket)
    const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    connection.write(`GET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n${fields.join('')}\r\n`)
    const received = await connection.until(hasAnswers(1))
    connection.leave()
    return parseAnswers(received)[0]?.status
  }
}

async function openHttp2(port: number) {
  const session = await openSession(port)
  return async (ticket: Ticket) => (await requestOn(session, ticket)).status
}

test.each([
  { version: 'HTTP/1.1', open: openHttp1 },
  { version: 'HTTP/2', open: openHttp2 },
])('$version', { timeout: 60_000 }, async ({ open }) => {
  const routes = Object.entries(SCHEMES).map(([name, tokens]) => ({ match: `/${name}/**`, access: { tokens } }))
  const { s3, port, clock } = await startShield({ routes, listen: { tls: makeCertificate() } })
  const ask = await open(port)
  const reached = new Set<string>()
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...Object.keys(TICKETS)), opening, tail, async (name, start, end) => {
      const scheme = name.split(' ', 1)[0] ?? ''
      const covered = `/${scheme}/clip/`
      const before = s3.requests.length
      const ticket = TICKETS[name]?.(`/${scheme}${start}${end}`, covered, clock.now())
      const status = ticket && (await ask(ticket))
      for (const { key } of s3.requests.slice(before)) {
        expect(key?.startsWith(covered.slice(1)), `${ticket?.path} reached ${key}`).toBe(true)
        if (scheme === 'link') expect(key).toBe('link/clip/a')
        reached.add(name)
      }
      expect([200, 400, 403, 404, 414]).toContain(status)
    }),
    { numRuns: 300 },
  )
  // By each scheme's own way something was reached: not all was refused for a wrong reason.
  expect(reached.size).toBeGreaterThanOrEqual(8)
})
