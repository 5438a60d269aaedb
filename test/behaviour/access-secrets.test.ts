/** No secret leaves the program: tokens, keys, cookies and passwords are in no log line, no origin's request, no answer. */
import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { HMAC_KEY, hmacToken } from '../support/access-tokens.ts'
import { fieldsOf, startAnswering } from '../support/raw-origin.ts'
import { hasAnswers, openRaw, request, startShield } from '../support/shield.ts'

const EDGE_SECRET = 'hush-edge-secret-value'
const HEX_KEY = Buffer.from('hush-hex-key-4711').toString('hex')
const KEYS = { k1: HMAC_KEY }
const NOW_SECONDS = (nowMs: number) => Math.floor(nowMs / 1000)

const SCHEMES = {
  hmac: { scheme: 'hmac', in: ['path', 'query', 'cookie'], keys: KEYS },
  edgeauth: {
    scheme: 'edgeauth',
    in: ['query', 'cookie', 'header'],
    name: 'x-hdnts',
    salt: 'hush-salt',
    keys: { k1: HEX_KEY },
  },
  'secure-link': { scheme: 'secure-link', keys: KEYS },
  bunny: { scheme: 'bunny', keys: KEYS },
}

/** A token of each scheme for `/SCHEME/`, in every place that may carry it, good or not. */
function carried(nowMs: number, isGood: boolean): { path: string; headers: Record<string, string>; marks: string[] }[] {
  const expires = NOW_SECONDS(nowMs) + (isGood ? 60 : -60)
  const hmac = hmacToken('/hmac/', isGood ? nowMs : nowMs - 7_200_000)
  const acl = `exp=${expires}~acl=/edgeauth/*`
  const edge = `${acl}~hmac=${createHmac('sha256', Buffer.from(HEX_KEY, 'hex')).update(`${acl}~salt=hush-salt`).digest('hex')}`
  const bunnyText = `/bunny/${expires}token_path=/bunny/`
  const bunny = `HS256-${createHmac('sha256', HMAC_KEY).update(bunnyText).digest('base64url')}`
  const parameters = `expires=${expires}&token_path=%2Fbunny%2F`
  return [
    { path: `/token=${hmac}/hmac/a`, headers: {}, marks: [hmac] },
    { path: `/hmac/a?token=${hmac}`, headers: {}, marks: [hmac] },
    { path: '/hmac/a', headers: { Cookie: `theme=dark; token=${hmac}` }, marks: [hmac] },
    { path: `/edgeauth/a?x-hdnts=${edge}`, headers: {}, marks: [edge] },
    { path: '/edgeauth/a', headers: { Cookie: `x-hdnts=${edge}` }, marks: [edge] },
    { path: '/edgeauth/a', headers: { 'X-Hdnts': edge }, marks: [edge] },
    { path: `/secure-link/a?md5=hushhushhushhushhushhu&expires=${expires}`, headers: {}, marks: ['hushhushhush'] },
    { path: `/bunny/a?token=${bunny}&${parameters}`, headers: {}, marks: [bunny] },
    { path: `/bcdn_token=${bunny}&${parameters}/bunny/a`, headers: {}, marks: [bunny] },
  ]
}

async function started(passthrough: string) {
  const secretHeader = { name: 'X-Edge-Secret', values: [EDGE_SECRET] }
  const routes = Object.entries(SCHEMES).flatMap(([name, tokens]) => [
    { match: `/${name}/**`, passthrough, access: { tokens, secretHeader } },
  ])
  return startShield({ routes, log: { level: 'trace' } })
}

test.each([true, false])('every carrier and scheme, with tokens that are good: %s', async (isGood) => {
  const origin = await startAnswering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  const shield = await started(origin.url)
  const all = carried(shield.clock.now(), isGood)
  const answers: string[] = []
  for (const { path, headers } of all) {
    const referer = {
      Referer: `http://media.test${path}`,
      'X-Edge-Secret': EDGE_SECRET,
      Authorization: 'Bearer hush-bearer',
    }
    const { status, headers: sent, body } = await request(shield.port, { path, headers: { ...headers, ...referer } })
    const isLink = path.startsWith('/secure-link')
    expect(status, path).toBe(isGood && !isLink ? 200 : 403)
    answers.push(JSON.stringify(sent) + body.toString())
  }
  const records = await shield.accessRecords(all.length)
  expect(new Set(records.map(({ path }) => path))).toEqual(new Set(Object.keys(SCHEMES).map((name) => `/${name}/a`)))

  const received = (await Promise.all(origin.connections.map((it) => it.received()))).join('\n')
  const secrets = [...all.flatMap(({ marks }) => marks), HMAC_KEY, HEX_KEY, EDGE_SECRET, 'hush-salt', 'hush-bearer']
  for (const secret of secrets) {
    expect(shield.logLines().join('\n')).not.toContain(secret)
    expect(answers.join('\n')).not.toContain(secret)
    // Who asks for what is the origin's to know; what showed that he may, is not.
    if (secret !== 'hush-bearer') expect(received).not.toContain(secret)
  }
  if (isGood) {
    expect(received.match(/^GET .*$/gm)?.map((line) => line.trim())).toEqual(
      all
        .filter(({ path }) => !path.startsWith('/secure-link'))
        .map(({ path }) => `GET /${/(hmac|edgeauth|bunny)\/a/.exec(path)?.[1]}/a HTTP/1.1`),
    )
    expect(received).toContain('theme=dark')
  }
})

test('a request that breaks down on its way tells nothing either', async () => {
  const { port, clock, logLines, accessRecords } = await started('http://127.0.0.1:9')
  const all = carried(clock.now(), true).filter(({ path }) => !path.startsWith('/secure-link'))
  for (const { path, headers } of all) {
    const { status, body } = await request(port, { path, headers: { ...headers, 'X-Edge-Secret': EDGE_SECRET } })
    expect([status, body.toString()]).toEqual([502, 'The origin could not be used\n'])
  }
  await accessRecords(all.length)
  for (const mark of all.flatMap(({ marks }) => marks)) expect(logLines().join('\n')).not.toContain(mark)
})

test('a WebSocket is opened with a token, which its server does not see, and not without one', async () => {
  const origin = await startAnswering('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  const routes = [{ match: '/ws/**', passthrough: origin.url, access: { tokens: SCHEMES.hmac } }]
  const { port, clock } = await startShield({ routes })
  const handshake = (path: string) =>
    `GET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n`
  const token = hmacToken('/ws/', clock.now())
  const refused = await openRaw(port)
  refused.write(handshake('/ws/a'))
  const answer = (await refused.until(hasAnswers(1))).toString()
  expect(answer).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/)
  expect(answer).toMatch(/Forbidden: no-token\n$/)
  expect(origin.connections).toHaveLength(0)

  for (const path of [`/ws/a?token=${token}&x=1`, `/token=${token}/ws/a?x=1`]) {
    const client = await openRaw(port)
    client.write(handshake(path))
    expect((await client.until((bytes) => bytes.includes('\r\n\r\n'))).toString()).toMatch(/^HTTP\/1\.1 101 /)
    const head = (await origin.connection(origin.connections.length)).received()
    expect(head.split('\r\n')[0]).toBe('GET /ws/a?x=1 HTTP/1.1')
    expect(JSON.stringify(fieldsOf(head))).not.toContain(token)
  }
})
