/** Warming: what is named is in memory afterwards, by the keys that players ask for; on real sockets. */
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { startHttpShield } from '../support/http-shield.ts'
import { gate } from '../support/s3-socket-server.ts'
import { openRequest, pattern, request, type ShieldOptions, startShield } from '../support/shield.ts'
import { askApi } from './api.ts'

interface Line {
  readonly event: string
  readonly url: string
  readonly reason?: string
}

async function start(options: ShieldOptions = {}) {
  const shield = await startShield({ admin: {}, ...options })
  const adminPort = shield.app.admin?.port ?? 0
  const warm = async (content: unknown) => {
    const { status, values } = await askApi(adminPort, 'POST', '/warm', content)
    return { status, lines: values, end: values.at(-1) }
  }
  return {
    ...shield,
    adminPort,
    warm,
    asked: () => shield.s3.requests.map(({ url }) => url.replace(/^\/media\/|\?.*/g, '')),
  }
}

const failures = (lines: readonly Line[]) =>
  lines.filter(({ event }) => event === 'failed').map(({ url, reason }) => [url, reason])

const MASTER = `#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="high",NAME="de",URI="audio/de.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="low",NAME="de",URI="audio/low.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=5000000,RESOLUTION=1920x1080,AUDIO="high"
1080p.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=1000000,RESOLUTION=640x360,AUDIO="low"
./360p.m3u8?v=1
`
const media = (name: string) => `#EXTM3U\r
#EXT-X-TARGETDURATION:6\r
#EXT-X-KEY:METHOD=AES-128,URI="/film/key"\r
#EXT-X-MAP:URI="${name}.mp4",BYTERANGE="10@0"\r
#EXTINF:6,\r
${name}-1.ts\r
#EXTINF:6,\r
${name}-1.ts\r
#EXT-X-ENDLIST\r
`

function putFilm({ s3 }: { s3: Awaited<ReturnType<typeof start>>['s3'] }) {
  s3.put('film/master.m3u8', MASTER)
  s3.put('film/key', 'key')
  for (const name of ['1080p', '360p', 'audio/de', 'audio/low']) {
    const own = name.replace('audio/', '')
    const folder = name.startsWith('audio/') ? 'film/audio/' : 'film/'
    s3.put(`film/${name}.m3u8`, media(own))
    s3.put(`${folder}${own}.mp4`, 'init')
    s3.put(`${folder}${own}-1.ts`, 'segment')
  }
}

test('a playlist leads to its playlists and these to their segments, each asked for once', async () => {
  const shield = await start()
  putFilm(shield)
  const { status, lines, end } = await shield.warm({ playlists: ['/film/master.m3u8'] })

  expect([status, failures(lines)]).toEqual([200, []])
  expect(end).toMatchObject({ event: 'end', warmed: 14, failed: 0, isTruncated: false })
  expect(lines.at(-2)).toMatchObject({ done: 14, total: 14 })
  expect(new Set(shield.asked()).size).toBe(14)
  expect(shield.asked()).toHaveLength(14)
  const { headers, body } = await request(shield.port, { path: '/film/360p-1.ts' })
  expect([String(body), headers['cache-status']]).toEqual(['segment', expect.stringContaining('; hit;')])
})

test.each([{ maxBandwidth: 2_000_000 }, { maxHeight: 720 }])(
  '%j leaves renditions and what is played with them alone',
  async (filter) => {
    const shield = await start()
    putFilm(shield)
    const { end } = await shield.warm({ playlists: ['/film/master.m3u8'], ...filter })

    expect(end).toMatchObject({ warmed: 8, failed: 0 })
    expect(shield.asked().toSorted()).toEqual([
      'film/360p-1.ts',
      'film/360p.m3u8',
      'film/360p.mp4',
      'film/audio/low-1.ts',
      'film/audio/low.m3u8',
      'film/audio/low.mp4',
      'film/key',
      'film/master.m3u8',
    ])
  },
)

test('what is there already is a hit and costs the origin nothing', async () => {
  const { s3, warm } = await start()
  s3.put('1.ts', 'abc')
  expect((await warm({ urls: ['/1.ts'] })).lines[0]).toMatchObject({ event: 'warmed', result: 'stored', bytes: 3 })

  expect((await warm({ urls: ['/1.ts', '/1.ts'] })).lines).toMatchObject([
    { result: 'hit' },
    { event: 'end', warmed: 1 },
  ])
  expect(s3.requests.length).toBe(1)
})

test('a large object is there afterwards, slice by slice', async () => {
  const { s3, warm, adminPort } = await start({ cache: { maxObject: '256KiB', slice: '64KiB' } })
  s3.put('film.mp4', pattern(1_000_000))

  expect((await warm({ urls: ['/film.mp4'] })).end).toMatchObject({ warmed: 1, bytes: 1_000_000 })
  const { slices } = (await askApi(adminPort, 'GET', '/objects/film.mp4')).values[0].answers[0]
  expect(slices).toMatchObject({ present: slices.count, presentBytes: 1_000_000 })
})

test('what fails is listed with its reason, and the rest is warmed', async () => {
  const { s3, warm } = await start({
    routes: [{ match: '/api/**', passthrough: 'http://127.0.0.1:9' }, { match: '/**' }],
  })
  s3.put('good.ts', 'abc')
  s3.put('private.ts', 'abc', { 'cache-control': 'no-store' })
  s3.put('text.m3u8', 'no playlist')
  s3.put('film.mpd', '<?xml version="1.0"?><MPD type="static"></MPD>')
  s3.put('odd.m3u8', '#EXTM3U\n#EXTINF:6,\nhttps://elsewhere.example/1.ts\nhttp://[bad\n../good.ts\n')
  s3.put('deep.m3u8', '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\ndeep.m3u8?again\n')
  s3.on('broken.ts', (exchange) => exchange.reset())
  const { lines, end } = await warm({
    urls: ['/none.ts', '/api/x', '/private.ts', '/broken.ts', '/%zz'],
    playlists: ['/text.m3u8', '/film.mpd', '/odd.m3u8', '/deep.m3u8'],
    concurrency: 1,
  })

  expect(failures(lines)).toEqual([
    ['/text.m3u8', 'is no HLS playlist'],
    ['/film.mpd', 'DASH manifests are not supported: name their segments as urls'],
    ['https://elsewhere.example/1.ts', 'leads to another site'],
    ['http://[bad', 'leads to another site'],
    ['/none.ts', 'the origin answered 404'],
    ['/api/x', 'its route passes through and keeps nothing'],
    ['/private.ts', 'is not kept: no-store'],
    ['/broken.ts', 'The origin could not be used'],
    ['/%zz', 'Bad percent-escape in the path'],
    ['/deep.m3u8?again', 'a multivariant playlist names it as a media playlist'],
  ])
  expect(end).toMatchObject({ warmed: 3, failed: 10 })
})

test('a compressed playlist is read all the same', async () => {
  const { s3, warm } = await start()
  s3.put('a.m3u8', gzipSync('#EXTM3U\n#EXTINF:6,\n1.ts\n'), { 'content-encoding': 'gzip' })
  s3.put('1.ts', 'abc')

  expect((await warm({ playlists: ['/a.m3u8'] })).end).toMatchObject({ warmed: 2, failed: 0 })
})

test('no more than was allowed is under way, and players join it', async () => {
  const { s3, port, warm, asked } = await start()
  const rest = gate()
  for (const name of ['1.ts', '2.ts', '3.ts']) {
    s3.put(name, name)
    s3.on(name, async (exchange) => {
      await rest.opened
      await exchange.answer()
    })
  }
  const warming = warm({ urls: ['/1.ts', '/2.ts', '/3.ts'], concurrency: 2 })
  await s3.received(2)
  const player = openRequest(port, { path: '/1.ts' })
  expect(asked()).toEqual(['1.ts', '2.ts'])
  rest.open()

  expect((await warming).end).toMatchObject({ warmed: 3, failed: 0 })
  expect(String((await (await player).ended).body)).toBe('1.ts')
  expect(asked()).toEqual(['1.ts', '2.ts', '3.ts'])
})

test('who leaves stops it: nothing more is asked for', async () => {
  const { s3, adminPort, asked } = await start()
  const rest = gate()
  for (const name of ['1.ts', '2.ts', '3.ts']) s3.put(name, name)
  s3.on('2.ts', async () => rest.opened)
  const body = JSON.stringify({ urls: ['/1.ts', '/2.ts', '/3.ts'], concurrency: 1 })
  const headers = { 'Content-Type': 'application/json' }
  const asking = await openRequest(adminPort, { method: 'POST', path: '/warm', headers, body })
  await asking.receivedBytes(1)
  await s3.received(2)
  asking.leave()

  await s3.socketsAtMost(1)
  expect(asked()).toEqual(['1.ts', '2.ts'])
  rest.open()
})

test('an HTTP origin is asked by the key of the site that was named, as for this machine', async () => {
  const { origin, port, app } = await startHttpShield({ admin: {} })
  const adminPort = app.admin?.port ?? 0
  origin.put('/live.m3u8', '#EXTM3U\n#EXTINF:6,\n1.ts?a=b\n', { 'Cache-Control': 'max-age=60' })
  origin.put('/1.ts?a=b', 'abc', { 'Cache-Control': 'max-age=60' })
  const { values } = await askApi(adminPort, 'POST', '/warm', {
    playlists: ['http://a.example/live.m3u8'],
    urls: ['/1.ts'],
  })

  expect(failures(values)).toEqual([['/1.ts', 'its origin wants a whole URL, with scheme and host']])
  expect(values.at(-1)).toMatchObject({ warmed: 2 })
  const { headers } = await request(port, { path: '/1.ts?a=b', headers: { Host: 'a.example' } })
  expect(headers['cache-status']).toContain('; hit;')
  expect(origin.requests).toHaveLength(2)
})

test.each([
  [{}, 'expected one or more of urls, playlists'],
  [{ urls: ['/a'], concurrency: 65 }, 'concurrency: '],
  [{ urls: ['/a'], maxHeight: '720p' }, 'maxHeight: '],
])('%j is told what is wrong before anything is fetched', async (content, detail) => {
  const { warm, s3 } = await start()
  const { status, lines } = await warm(content)

  expect([status, lines[0].detail, s3.requests.length]).toEqual([400, expect.stringContaining(detail), 0])
})
