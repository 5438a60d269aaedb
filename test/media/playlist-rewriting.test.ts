import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { additionText, playlistFormat, rewritePlaylist } from '../../src/media/playlist-rewriting.ts'

const T = 'token=k1.abc'
const addition = (url = 'https://media.test/vod/clip/master.m3u8', prefix = '/vod/') => ({
  url: new URL(url),
  text: T,
  covers: (path: string) => path.startsWith(prefix),
})

const hls = (text: string, more = addition()) => rewritePlaylist(Buffer.from(text), 'hls', more).toString()
const mpd = (text: string, more = addition('https://media.test/vod/clip/a.mpd')) =>
  rewritePlaylist(Buffer.from(text), 'dash', more).toString()

describe('lines of an HLS playlist', () => {
  test.each([
    ['a.ts', `a.ts?${T}`],
    ['a.ts?v=1', `a.ts?v=1&${T}`],
    ['a.ts?', `a.ts?${T}`],
    ['a.ts?v=1&', `a.ts?v=1&${T}`],
    ['a.ts#t=1', `a.ts?${T}#t=1`],
    ['./a.ts', `./a.ts?${T}`],
    ['../other/a.ts', `../other/a.ts?${T}`],
    ['/vod/x/a.ts', `/vod/x/a.ts?${T}`],
    ['//media.test/vod/a.ts', `//media.test/vod/a.ts?${T}`],
    ['https://media.test/vod/a.ts', `https://media.test/vod/a.ts?${T}`],
    ['https://MEDIA.test:443/vod/a.ts', `https://MEDIA.test:443/vod/a.ts?${T}`],
    ['kapitel-à.ts', `kapitel-à.ts?${T}`],
    ['a%20b.ts', `a%20b.ts?${T}`],
  ])('%s becomes %s', (written, rewritten) => {
    expect(hls(`#EXTM3U\n${written}\n`)).toBe(`#EXTM3U\n${rewritten}\n`)
    expect(hls(`#EXTM3U\r\n${written} \r\n\r\n`)).toBe(`#EXTM3U\r\n${rewritten} \r\n\r\n`)
    expect(hls(written)).toBe(rewritten)
  })

  test.each([
    'https://cdn.test/vod/a.ts',
    '//cdn.test/vod/a.ts',
    'https://media.test:8443/vod/a.ts',
    'https://media.test@cdn.test/vod/a.ts',
    'https://user@media.test/vod/a.ts',
    'https://media.test.cdn.test/vod/a.ts',
    'http://media.test/vod/a.ts',
    'ftp://media.test/vod/a.ts',
    'data:text/plain,x',
    'skd://media.test/vod/a',
    '/other/a.ts',
    '../../other/a.ts',
    '/vod/../other/a.ts',
    '/vod/%2e%2e/other/a.ts',
    '/vod/..%2fother/a.ts',
    '\\\\cdn.test\\vod\\a.ts',
    '/\\cdn.test/vod/a.ts',
    'a b.ts',
    `a.ts?${T}`,
    '{$unknown}/a.ts',
    'https://[media.test/vod',
  ])('%s stays as it is', (written) => {
    expect(hls(`#EXTM3U\n${written}\n`)).toBe(`#EXTM3U\n${written}\n`)
  })

  test('of a playlist that was asked for without TLS may lead to it', () => {
    const more = addition('http://media.test/vod/clip/master.m3u8')
    expect(hls('https://media.test/vod/a.ts\nhttp://media.test/vod/a.ts', more)).toBe(
      `https://media.test/vod/a.ts?${T}\nhttp://media.test/vod/a.ts?${T}`,
    )
  })
})

describe('attributes of an HLS playlist', () => {
  test.each([
    ['#EXT-X-KEY:METHOD=AES-128,URI="key.bin",IV=0x1', `#EXT-X-KEY:METHOD=AES-128,URI="key.bin?${T}",IV=0x1`],
    ['#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="k"', `#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="k?${T}"`],
    ['#EXT-X-MAP:URI="init.mp4",BYTERANGE="720@0"', `#EXT-X-MAP:URI="init.mp4?${T}",BYTERANGE="720@0"`],
    [
      '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="x, URI=",URI="a/b.m3u8"',
      `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="x, URI=",URI="a/b.m3u8?${T}"`,
    ],
    ['#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="i.m3u8"', `#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="i.m3u8?${T}"`],
    ['#EXT-X-SESSION-DATA:DATA-ID="a",URI="d.json"', `#EXT-X-SESSION-DATA:DATA-ID="a",URI="d.json?${T}"`],
    [
      '#EXT-X-PART:DURATION=0.3,URI="p.1.m4s",INDEPENDENT=YES',
      `#EXT-X-PART:DURATION=0.3,URI="p.1.m4s?${T}",INDEPENDENT=YES`,
    ],
    ['#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p.2.m4s"', `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p.2.m4s?${T}"`],
    [
      '#EXT-X-RENDITION-REPORT:URI="../1M/a.m3u8",LAST-MSN=2',
      `#EXT-X-RENDITION-REPORT:URI="../1M/a.m3u8?${T}",LAST-MSN=2`,
    ],
    [
      '#EXT-X-CONTENT-STEERING:SERVER-URI="/vod/s.json",PATHWAY-ID="A"',
      `#EXT-X-CONTENT-STEERING:SERVER-URI="/vod/s.json?${T}",PATHWAY-ID="A"`,
    ],
    [
      '#EXT-X-DATERANGE:ID="ad",X-ASSET-URI="ad.m3u8",X-RESUME=0',
      `#EXT-X-DATERANGE:ID="ad",X-ASSET-URI="ad.m3u8?${T}",X-RESUME=0`,
    ],
    ['#EXT-X-DATERANGE:ID="ad",X-ASSET-LIST="ads.json"', `#EXT-X-DATERANGE:ID="ad",X-ASSET-LIST="ads.json?${T}"`],
    ['#EXT-X-KEY:METHOD=AES-128, URI="key.bin"', `#EXT-X-KEY:METHOD=AES-128, URI="key.bin?${T}"`],
  ])('%s', (written, rewritten) => {
    expect(hls(`#EXTM3U\n${written}\na.ts`)).toBe(`#EXTM3U\n${rewritten}\na.ts?${T}`)
  })

  test.each([
    '#EXT-X-KEY:METHOD=AES-128,URI="https://keys.test/k"',
    '#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="skd://k"',
    '#EXT-X-SESSION-DATA:DATA-ID="URI",VALUE="key.bin"',
    '#EXT-X-DATERANGE:ID="a",X-OTHER-URI="b.ts"',
    '#EXTINF:6.0,a title with URI="b.ts" in it',
    '# a comment with URI="b.ts"',
    '#EXT-X-KEY:METHOD=AES-128,URI=key.bin',
    '#EXT-X-KEY:METHOD=AES-128,URI="key.bin',
    '#EXT-X-KEY:URI=""',
  ])('%s stays as it is', (written) => {
    expect(hls(`#EXTM3U\n${written}\n`)).toBe(`#EXTM3U\n${written}\n`)
  })

  test('variables of the playlist are replaced before it is decided, and stay where they are', () => {
    const defined = '#EXT-X-DEFINE:NAME="here",VALUE="parts"\n#EXT-X-DEFINE:NAME="there",VALUE="https://cdn.test"\n'
    const queries = '#EXT-X-DEFINE:NAME="q",VALUE="?v=1"\n#EXT-X-DEFINE:IMPORT="imported"\n'
    expect(hls(`${defined}${queries}{$here}/a.ts\n{$there}/vod/a.ts\na.ts{$q}\n{$imported}.ts\n`)).toBe(
      `${defined}${queries}{$here}/a.ts?${T}\n{$there}/vod/a.ts\na.ts{$q}&${T}\n{$imported}.ts\n`,
    )
  })

  test('a byte order mark in front is none of a reference', () => {
    expect(hls('\ufeff#EXTM3U\na.ts')).toBe(`\ufeff#EXTM3U\na.ts?${T}`)
  })
})

test('whatever is put in, the rest of a playlist stays to the byte', () => {
  const line = fc.oneof(
    fc.constantFrom(
      '#EXTM3U',
      '#EXT-X-MAP:URI="a"',
      'a.ts',
      '',
      ' ',
      '#EXT-X-KEY:URI="',
      'https://cdn.test/x',
      '<MPD>',
      '<BaseURL>a</BaseURL>',
    ),
    fc.string({ unit: 'binary' }),
  )
  fc.assert(
    fc.property(
      fc.array(line),
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.constantFrom('hls', 'dash'),
      (lines, feed, format) => {
        const text = lines.join(feed)
        const rewritten = rewritePlaylist(Buffer.from(text), format as 'hls' | 'dash', addition()).toString()
        expect(rewritten.replaceAll(`?${T}`, '').replaceAll(`&${T}`, '').replaceAll(`&amp;${T}`, '')).toBe(text)
      },
    ),
  )
})

describe('an MPD', () => {
  const inMpd = (inner: string) =>
    `<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">\n${inner}\n</MPD>\n`

  test.each([
    [
      '<SegmentTemplate media="$RepresentationID$/$Number%05d$.m4s" initialization=\'i-$Bandwidth$.mp4\' />',
      `<SegmentTemplate media="$RepresentationID$/$Number%05d$.m4s?${T}" initialization='i-$Bandwidth$.mp4?${T}' />`,
    ],
    [
      '<SegmentTemplate timescale="1" media="a-$Time$.m4s?x=1&amp;y=2" index="$$.sidx"/>',
      `<SegmentTemplate timescale="1" media="a-$Time$.m4s?x=1&amp;y=2&amp;${T}" index="$$.sidx?${T}"/>`,
    ],
    [
      '<SegmentList><Initialization sourceURL="i.mp4"/><SegmentURL media="1.m4s" mediaRange="0-1"/></SegmentList>',
      `<SegmentList><Initialization sourceURL="i.mp4?${T}"/><SegmentURL media="1.m4s?${T}" mediaRange="0-1"/></SegmentList>`,
    ],
    [
      '<BaseURL> video.mp4 </BaseURL><SegmentBase><RepresentationIndex sourceURL="x"/></SegmentBase>',
      `<BaseURL> video.mp4?${T} </BaseURL><SegmentBase><RepresentationIndex sourceURL="x?${T}"/></SegmentBase>`,
    ],
    [
      '<Location>https://media.test/vod/clip/a.mpd?t=1</Location>',
      `<Location>https://media.test/vod/clip/a.mpd?t=1&amp;${T}</Location>`,
    ],
    ['<PatchLocation ttl="60">patch.mpp</PatchLocation>', `<PatchLocation ttl="60">patch.mpp?${T}</PatchLocation>`],
    [
      '<Period xlink:href="period.xml" xlink:actuate="onLoad"/>',
      `<Period xlink:href="period.xml?${T}" xlink:actuate="onLoad"/>`,
    ],
    [
      '<d:SegmentTemplate media="a.m4s"></d:SegmentTemplate>',
      `<d:SegmentTemplate media="a.m4s?${T}"></d:SegmentTemplate>`,
    ],
    [
      '<BaseURL>sub/</BaseURL><SegmentTemplate media="a.m4s"/>',
      `<BaseURL>sub/</BaseURL><SegmentTemplate media="a.m4s?${T}"/>`,
    ],
  ])('%s', (written, rewritten) => {
    expect(mpd(inMpd(written))).toBe(inMpd(rewritten))
  })

  test.each([
    '<BaseURL>https://cdn.test/vod/</BaseURL><Period><SegmentTemplate media="a.m4s"/></Period>',
    '<BaseURL>https://media.test/vod/</BaseURL><BaseURL>https://cdn.test/vod/</BaseURL><SegmentTemplate media="a.m4s"/>',
    '<BaseURL>/other/</BaseURL><SegmentTemplate media="a.m4s" initialization="../../i.mp4"/>',
    '<BaseURL>&unknown;</BaseURL><SegmentTemplate media="a.m4s"/>',
    '<SegmentTemplate media="https://cdn.test/a.m4s"/>',
    '<Period xlink:href="urn:mpeg:dash:resolve-to-zero:2013"/>',
    '<!-- <SegmentTemplate media="a.m4s"/> --><![CDATA[<BaseURL>a.mp4</BaseURL>]]>',
    '<Other media="a.m4s" sourceURL="b">video.mp4</Other>',
    '<SegmentTemplate media="a.m4s">',
    '<SegmentTemplate media="a.m4s"/></Period>',
    '<SegmentTemplate media="a.m4s" <broken/>',
    '<!DOCTYPE MPD [<!ENTITY a "b">]><SegmentTemplate media="a.m4s"/>',
  ])('stays as it is: %s', (written) => {
    expect(mpd(inMpd(written))).toBe(inMpd(written))
  })

  test('has each BaseURL for what is inside its own element', () => {
    const period = (base: string, query: string) =>
      `<Period><BaseURL>${base}</BaseURL><AdaptationSet><Representation><BaseURL>r/</BaseURL><SegmentTemplate media="a.m4s${query}"/></Representation></AdaptationSet></Period>`
    expect(mpd(inMpd(period('https://cdn.test/', '') + period('p1/', '')))).toBe(
      inMpd(period('https://cdn.test/', '') + period('p1/', `?${T}`)),
    )
  })
})

test('what would mean something in a playlist is escaped in the parameter', () => {
  expect(additionText(`a="b"&c='$<>&d=\`{}\\^|`)).toBe('a=%22b%22&c=%27%24%3C%3E&d=%60%7B%7D%5C%5E%7C')
})

test.each([
  ['application/vnd.apple.mpegurl', 'hls'],
  ['Application/X-MpegURL; charset=utf-8', 'hls'],
  ['audio/mpegurl', 'hls'],
  ['application/dash+xml;profiles=x', 'dash'],
  ['video/mp2t', undefined],
  [undefined, undefined],
])('%s is %s', (type, format) => {
  expect(playlistFormat(type)).toBe(format)
})
