import { describe, expect, test } from 'vitest'
import { contentTypeFor, defaultTtlMs } from '../../src/media/types.ts'

describe('the media type', () => {
  test.each([
    ['live/index.m3u8', 'application/vnd.apple.mpegurl'],
    ['live/index.m3u', 'application/vnd.apple.mpegurl'],
    ['live/manifest.mpd', 'application/dash+xml'],
    ['v/000.ts', 'video/mp2t'],
    ['v/000.m4s', 'video/iso.segment'],
    ['v/000.cmfv', 'video/mp4'],
    ['v/000.cmfa', 'audio/mp4'],
    ['v/init.mp4', 'video/mp4'],
    ['v/a.m4a', 'audio/mp4'],
    ['v/a.aac', 'audio/aac'],
    ['v/sub.vtt', 'text/vtt'],
    ['v/1.m4f', 'video/mp4'],
    ['v/1.cmft', 'application/mp4'],
    ['v/1.ec3', 'audio/eac3'],
    ['v/1.key', 'application/octet-stream'],
    ['v/sub.ttml', 'application/ttml+xml'],
    ['v/sub.srt', 'application/x-subrip'],
    ['live/patch.mpp', 'application/dash-patch+xml'],
    ['thumbs/1.avif', 'image/avif'],
    ['poster.JPG', 'image/jpeg'],
    ['a.b.c.TS', 'video/mp2t'],
  ])('of %s is %s where the store says nothing', (path, expected) => {
    expect(contentTypeFor(path, undefined)).toBe(expected)
  })

  test.each([
    'application/octet-stream',
    'binary/octet-stream',
    'Binary/Octet-Stream',
    ' application/octet-stream ; charset=binary',
    'application/x-www-form-urlencoded',
    '',
    ' ',
    ';charset=utf-8',
  ])('%j says no more than "bytes", and the extension knows better', (storedType) => {
    expect(contentTypeFor('v/000.ts', storedType)).toBe('video/mp2t')
  })

  test.each(['video/mp4', 'text/plain; charset=utf-8', 'application/x-mpegURL', 'nonsense'])(
    '%s is left as it is stored, whatever the extension',
    (storedType) => {
      expect(contentTypeFor('v/000.ts', storedType)).toBe(storedType)
    },
  )

  test.each(['v/000', 'v/000.bin', 'v.ts/000', 'v/.', '', 'v/000.ts/', 'v/key.constructor', 'v/key.__proto__'])(
    'of %j is what the store says, since the extension says nothing',
    (path) => {
      expect(contentTypeFor(path, 'binary/octet-stream')).toBe('binary/octet-stream')
      expect(contentTypeFor(path, undefined)).toBeUndefined()
    },
  )
})

describe('freshness where nobody states it', () => {
  const FOURTEEN_DAYS_MS = 14 * 86_400_000

  test.each([
    ['playlists change all the time', 'live/index.m3u8', 2000],
    ['so do manifests', 'live/MANIFEST.MPD', 2000],
    ['segments do not change', 'v/000.ts', FOURTEEN_DAYS_MS],
    ['nor do fragments', 'v/000.m4s', FOURTEEN_DAYS_MS],
    ['nor do init files', 'v/init.mp4', FOURTEEN_DAYS_MS],
    ['nor do whole films', 'v/film.MOV', FOURTEEN_DAYS_MS],
    ['subtitles are corrected', 'v/sub.vtt', 3_600_000],
    ['of any format', 'v/sub.ttml', 3_600_000],
    ['keys are replaced', 'v/1.key', 300_000],
    ['images may', 'poster.jpg', 60_000],
    ['what is not known may', 'v/key.bin', 60_000],
    ['what has no extension may', 'v/key', 60_000],
    ['an extension of a folder is none', 'v.ts/key', 60_000],
  ])('%s: %s, %i ms', (_title, path, expected) => {
    expect(defaultTtlMs(path)).toBe(expected)
  })
})
