import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mediaLifetimeMs } from '../../src/media/lifetime.ts'
import { type PlaylistState, readPlaylist } from '../../src/media/playlist.ts'

const read = (text: string) => readPlaylist(Buffer.from(text))

const LIVE = '#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:5.9,\n7.ts\n'

describe('an HLS playlist', () => {
  const cases: readonly (readonly [string, string, PlaylistState | undefined])[] = [
    ['without an end is live, half a target duration long', LIVE, { kind: 'live', updateMs: 3000 }],
    ['with carriage returns is too', LIVE.replaceAll('\n', '\r\n'), { kind: 'live', updateMs: 3000 }],
    ['with a byte order mark is too', `\ufeff${LIVE}`, { kind: 'live', updateMs: 3000 }],
    ['of an event is live', `${LIVE}#EXT-X-PLAYLIST-TYPE:EVENT\n`, { kind: 'live', updateMs: 3000 }],
    ['with an end is finished', `${LIVE}#EXT-X-ENDLIST`, { kind: 'finished' }],
    [
      'with an end somewhere in it is finished',
      LIVE.replace('#EXTINF', '#EXT-X-ENDLIST\r\n#EXTINF'),
      { kind: 'finished' },
    ],
    ['of a film is finished, though its end is not marked', `${LIVE}#EXT-X-PLAYLIST-TYPE:VOD\n`, { kind: 'finished' }],
    [
      'that names an end without having one is live',
      `${LIVE}# #EXT-X-ENDLIST\n#EXT-X-ENDLISTS\n`,
      { kind: 'live', updateMs: 3000 },
    ],
    [
      'of parts changes with each of them',
      '#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-PART-INF:PART-TARGET=0.5\n',
      { kind: 'live', updateMs: 500 },
    ],
    [
      'of playlists is multivariant',
      '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="n"\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n',
      { kind: 'multivariant' },
    ],
    ['without a target duration does not say', '#EXTM3U\n#EXTINF:5,\n1.ts\n', undefined],
    ['with an impossible one does not say', LIVE.replace(':6', ':-6'), undefined],
    ['with one that is none does not say', LIVE.replace(':6', ':six'), undefined],
    ['with an endless one does not say', LIVE.replace(':6', `:${'9'.repeat(400)}`), undefined],
    ['with an empty one does not say', LIVE.replace(':6', ':'), undefined],
    ['that does not begin as one is none', LIVE.slice(1), undefined],
  ]
  test.each(cases)('%s', (_title, text, expected) => {
    expect(read(text)).toEqual(expected)
  })
})

describe('a DASH manifest', () => {
  const mpd = (attributes: string) =>
    `<?xml version="1.0"?>\n<!-- <MPD type="static"> -->\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" ${attributes}>\n<Period/></MPD>`
  const cases: readonly (readonly [string, string, PlaylistState | undefined])[] = [
    [
      'is live for half its update period',
      mpd('type="dynamic" minimumUpdatePeriod="PT4S"'),
      { kind: 'live', updateMs: 2000 },
    ],
    [
      'may count in days and fractions',
      mpd("minimumUpdatePeriod='P1DT1H1M0.5S' type='dynamic'"),
      { kind: 'live', updateMs: 45_030_250 },
    ],
    ['may be updated at any moment', mpd('type="dynamic" minimumUpdatePeriod="PT0S"'), { kind: 'live', updateMs: 0 }],
    [
      'may have a prefix',
      '<m:MPD xmlns:m="u" type="dynamic" minimumUpdatePeriod="PT2S"/>',
      { kind: 'live', updateMs: 1000 },
    ],
    ['that is live without a period does not say', mpd('type="dynamic"'), undefined],
    ['with a period that is none does not say', mpd('type="dynamic" minimumUpdatePeriod="soon"'), undefined],
    ['with months does not say', mpd('type="dynamic" minimumUpdatePeriod="P1M"'), undefined],
    ['that is static is finished', mpd('type="static"'), { kind: 'finished' }],
    ['is static by default', mpd(''), { kind: 'finished' }],
    ['with another type does not say', mpd('type="&#100;ynamic"'), undefined],
    ['with an attribute twice does not say', mpd('type="static" type="dynamic"'), undefined],
    [
      'whose entities are its own is not looked into',
      '<!DOCTYPE x [<!ENTITY d "static">]><MPD type="&d;"/>',
      undefined,
    ],
    ['that is cut off in its first tag does not say', '<MPD type="static"', undefined],
    ['of another language is none', '<SmoothStreamingMedia IsLive="TRUE"/>', undefined],
  ]
  test.each(cases)('%s', (_title, text, expected) => {
    expect(read(text)).toEqual(expected)
  })

  test('may be cut off anywhere after its first tag', () => {
    expect(read('<MPD type="dynamic" a=">" minimumUpdatePeriod="PT4S"><Per')).toEqual({ kind: 'live', updateMs: 2000 })
  })
})

test('whatever the bytes, it answers', () => {
  const words = fc.constantFrom(
    '#EXTM3U',
    '\n',
    '\r',
    '#EXT-X-TARGETDURATION:',
    '#EXT-X-ENDLIST',
    '#EXT-X-PART-INF:PART-TARGET=',
    '9',
    '.',
    '-',
    '<',
    '>',
    '<?',
    '?>',
    '<!--',
    '-->',
    '<MPD',
    ' type=',
    '"',
    "'",
    'dynamic',
    ' minimumUpdatePeriod="P',
    'T1S',
    '&',
    ';',
    ' __proto__="x"',
    ' constructor=""',
    '/',
    '\u0000',
    'é',
  )
  const start = fc.constantFrom('', '#EXTM3U\n', '<MPD ', '<MPD type="dynamic" minimumUpdatePeriod="')
  fc.assert(
    fc.property(start, fc.array(words, { maxLength: 40 }), (first, more) => {
      const state = read(first + more.join(''))
      if (state?.kind === 'live') expect(state.updateMs).toBeGreaterThanOrEqual(0)
    }),
  )
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void readPlaylist(Buffer.from(bytes))))
})

test('a playlist of more than 2 MiB is not looked at', () => {
  const text = `${LIVE}${'#'.repeat(2 * 1024 * 1024)}\n#EXT-X-ENDLIST\n`
  expect(read(text)).toBeUndefined()
})

describe('the lifetime of an answer', () => {
  const lifetime = (text: string, path = 'live/a.m3u8') => mediaLifetimeMs(path, undefined, Buffer.from(text))

  test('is that of its kind until it is here, and what its text says afterwards', () => {
    expect(mediaLifetimeMs('live/a.m3u8', undefined)).toBe(2000)
    expect(lifetime(LIVE)).toBe(3000)
    expect(lifetime('nonsense')).toBe(2000)
    expect(lifetime(`${LIVE}#EXT-X-ENDLIST`)).toBe(300_000)
    expect(lifetime('#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv\n')).toBe(60_000)
  })

  test('is bounded, however soon or late the next one is announced', () => {
    expect(lifetime(LIVE.replace(':6', ':0.01'))).toBe(200)
    expect(lifetime(LIVE.replace(':6', ':86400'))).toBe(30_000)
    expect(lifetime('<MPD type="dynamic" minimumUpdatePeriod="PT0S">', 'a.mpd')).toBe(200)
  })

  test('goes by the media type where the path says nothing', () => {
    expect(mediaLifetimeMs('live/manifest', 'application/x-mpegURL; charset=utf-8')).toBe(2000)
    expect(mediaLifetimeMs('live/manifest', 'Application/vnd.apple.mpegurl', Buffer.from(LIVE))).toBe(3000)
    expect(mediaLifetimeMs('live/manifest', 'text/plain', Buffer.from(LIVE))).toBe(60_000)
  })

  test('of anything else is not looked for in its bytes', () => {
    expect(mediaLifetimeMs('1.ts', 'video/mp2t', Buffer.from(LIVE))).toBe(14 * 86_400_000)
  })
})
