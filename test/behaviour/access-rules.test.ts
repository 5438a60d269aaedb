/** Beside tokens: networks, sites and the word of the CDN in front; all that a route demands has to be there. */
import { describe, expect, test } from 'vitest'
import { startHttpShield } from '../support/http-shield.ts'
import { request, startShield } from '../support/shield.ts'

type Headers = Readonly<Record<string, string | readonly string[]>>

const SECRET = 'hush-edge-secret-1'
const NEXT_SECRET = 'hush-edge-secret-2'

/** Asks a shield with these rules in front of an HTTP origin: `ok`, or the reason word. */
async function asker(access: unknown, trustedProxies: readonly string[] = []) {
  const shield = await startHttpShield({ route: { access }, trustedProxies })
  shield.origin.put('/a', 'bytes', { 'Cache-Control': 'max-age=60' })
  const ask = async (headers: Headers = {}, path = '/a') => {
    const { status, body } = await request(shield.port, { path, headers })
    return status === 200 ? 'ok' : body.toString().replace('Forbidden: ', '').trim()
  }
  return { ...shield, ask }
}

describe('networks', () => {
  const from = (address: string) => ({ 'X-Forwarded-For': address })

  test('who is allowed gets in, and nobody else', async () => {
    const { ask } = await asker({ networks: { allow: ['192.0.2.0/24', '2001:db8::/32'] } }, ['127.0.0.1'])
    expect(await ask(from('192.0.2.7'))).toBe('ok')
    expect(await ask(from('2001:db8::7'))).toBe('ok')
    expect(await ask(from('::ffff:192.0.2.7'))).toBe('ok')
    expect(await ask(from('198.51.100.7'))).toBe('network')
    expect(await ask(from('192.0.2.7, 198.51.100.7'))).toBe('network')
    expect(await ask()).toBe('network')
  })

  test('who is denied does not, allowed or not', async () => {
    const { ask } = await asker({ networks: { allow: ['192.0.2.0/24'], deny: ['192.0.2.128/25'] } }, ['127.0.0.1'])
    expect(await ask(from('192.0.2.7'))).toBe('ok')
    expect(await ask(from('192.0.2.129'))).toBe('network')
  })

  test('what nobody trusted says about the client does not count', async () => {
    const { ask } = await asker({ networks: { deny: ['127.0.0.0/8'] } })
    expect(await ask(from('192.0.2.7'))).toBe('network')
    const { ask: askAnother } = await asker({ networks: { deny: ['192.0.2.0/24'] } })
    expect(await askAnother(from('192.0.2.7'))).toBe('ok')
  })
})

describe('sites', () => {
  const referers = { allow: ['https://example.com', 'https://*.example.org', 'http://local.test:8080'] }

  test.each([
    [{ Origin: 'https://example.com' }, 'ok'],
    [{ Origin: 'HTTPS://EXAMPLE.COM' }, 'ok'],
    [{ Origin: 'https://www.example.org' }, 'ok'],
    [{ Origin: 'https://a.b.example.org' }, 'ok'],
    [{ Origin: 'http://local.test:8080' }, 'ok'],
    [{ Referer: 'https://example.com/watch?v=1#t' }, 'ok'],
    [{ Referer: 'https://example.com/watch', Origin: 'https://example.com' }, 'ok'],
    [{}, 'ok'],
    [{ Origin: 'http://example.com' }, 'referer'],
    [{ Origin: 'https://example.com:444' }, 'referer'],
    [{ Origin: 'https://example.org' }, 'referer'],
    [{ Origin: 'https://notexample.org' }, 'referer'],
    [{ Origin: 'https://example.com.evil.test' }, 'referer'],
    [{ Origin: 'null' }, 'referer'],
    [{ Origin: '' }, 'referer'],
    [{ Origin: 'https://example.com', Referer: 'https://evil.test/' }, 'referer'],
    [{ Origin: 'https://evil.test', Referer: 'https://example.com/' }, 'referer'],
    [{ Referer: 'https://evil.test/https://example.com' }, 'referer'],
    [{ Referer: 'https://example.com@evil.test/' }, 'referer'],
    [{ Referer: 'example.com' }, 'referer'],
    [{ Referer: '' }, 'referer'],
  ])('%j: %s', async (headers, outcome) => {
    const { ask } = await asker({ referers })
    expect(await ask(headers as Headers)).toBe(outcome)
  })

  test('a request that names none is refused where the route says so', async () => {
    const { ask } = await asker({ referers: { ...referers, absent: 'deny' } })
    expect(await ask()).toBe('referer')
    expect(await ask({ Origin: 'https://example.com' })).toBe('ok')
    expect(await ask({ Referer: 'https://example.com/' })).toBe('ok')
  })
})

describe('the word of the CDN in front', () => {
  const secretHeader = { name: 'X-Edge-Secret', values: [SECRET, NEXT_SECRET] }

  test.each([
    [{ 'X-Edge-Secret': SECRET }, 'ok'],
    [{ 'x-edge-secret': NEXT_SECRET }, 'ok'],
    [{}, 'secret'],
    [{ 'X-Edge-Secret': '' }, 'secret'],
    [{ 'X-Edge-Secret': SECRET.toUpperCase() }, 'secret'],
    [{ 'X-Edge-Secret': `${SECRET}x` }, 'secret'],
    [{ 'X-Edge-Secret': SECRET.slice(1) }, 'secret'],
    [{ 'X-Edge-Secret': [SECRET, NEXT_SECRET] }, 'secret'],
    [{ 'X-Edge-Secret': `${SECRET}, ${NEXT_SECRET}` }, 'secret'],
  ])('%j: %s', async (headers, outcome) => {
    const { ask, origin } = await asker({ secretHeader })
    expect(await ask(headers as Headers)).toBe(outcome)
    expect(JSON.stringify(origin.requests.map(({ rawFields }) => rawFields))).not.toContain('hush')
  })

  test('tells nothing apart in an answer that varies by it', async () => {
    const { ask, origin } = await asker({ secretHeader })
    origin.put('/a', 'bytes', { 'Cache-Control': 'max-age=60', Vary: 'X-Edge-Secret' })
    expect(await ask({ 'X-Edge-Secret': SECRET })).toBe('ok')
    expect(await ask({ 'X-Edge-Secret': NEXT_SECRET })).toBe('ok')
    expect(origin.requests).toHaveLength(1)
  })
})

test('of several rules all have to be met, whatever else is right', async () => {
  const access = {
    networks: { allow: ['127.0.0.0/8'] },
    referers: { allow: ['https://example.com'] },
    secretHeader: { name: 'X-Edge-Secret', values: [SECRET] },
  }
  const { ask } = await asker(access)
  const good = { 'X-Edge-Secret': SECRET, Origin: 'https://example.com' }
  expect(await ask(good)).toBe('ok')
  expect(await ask({ ...good, Origin: 'https://evil.test' })).toBe('referer')
  expect(await ask({ Origin: 'https://example.com' })).toBe('secret')
})

test('a rule is for its own route', async () => {
  const routes = [{ match: '/closed/**', access: { networks: { deny: ['127.0.0.1'] } } }, { match: '/**' }]
  const { s3, port } = await startShield({ routes })
  s3.put('open/a', 'x')
  s3.put('closed/a', 'x')
  expect((await request(port, { path: '/open/a' })).status).toBe(200)
  expect((await request(port, { path: '/closed/a' })).status).toBe(403)
})
