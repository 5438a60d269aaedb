/** ffmpeg and ffprobe read three packagings with their token in the path, with and without TLS, as from the bucket itself. */

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findProgram, leftOut } from '../support/programs.ts'
import { type GuardedMedia, startGuardedMedia } from './guarded-media.ts'
import { ENTRY } from './packagings.ts'

const run = promisify(execFile)
const FFMPEG = findProgram('ffmpeg')
const FFPROBE = findProgram('ffprobe')
const isMissing = FFMPEG === undefined || FFPROBE === undefined
if (isMissing) leftOut('reading three packagings with ffmpeg', 'ffmpeg is not installed')

const MAX_BUFFER = 64 * 1024 * 1024

describe.skipIf(isMissing)('ffmpeg with a token', () => {
  let media: GuardedMedia
  beforeAll(async () => {
    media = await startGuardedMedia('http://127.0.0.1')
  })
  afterAll(() => media?.close())

  /** One line a packet: stream, times, size and a hash of its bytes, as they came, without decoding. */
  async function packetHashes(url: string): Promise<readonly string[]> {
    const args = ['-nostdin', '-loglevel', 'error', ...unverified(url), '-i', url, '-map', '0', '-c', 'copy']
    const { stdout, stderr } = await run(FFMPEG ?? '', [...args, '-f', 'framehash', '-'], { maxBuffer: MAX_BUFFER })
    expect(stderr).toBe('')
    return stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  }

  const unverified = (url: string) => (url.startsWith('https:') ? ['-tls_verify', '0'] : [])

  test.each(Object.entries(ENTRY))('%s has the same packets as straight from the bucket', async (_, entry) => {
    const expected = await packetHashes(media.straight(entry))
    expect(expected.length).toBeGreaterThanOrEqual(1500)
    expect(await packetHashes(media.signed(media.plainSite, 'path', entry))).toEqual(expected)
    expect(await packetHashes(media.signed(media.secureSite, 'path', entry))).toEqual(expected)
    expect(await packetHashes(media.signed(media.secureSite, 'query', entry))).toEqual(expected)
  })

  test.each([
    ['HLS with fMP4', ['h264,360', 'h264,240', 'h264,144', 'aac']],
    ['HLS with TS', ['h264,360', 'h264,144', 'aac']],
    ['DASH', ['h264,360', 'h264,144', 'aac']],
  ] as const)(
    'ffprobe finds the renditions of %s over TLS, and nothing to complain about',
    async (packaging, found) => {
      const url = media.signed(media.secureSite, 'path', ENTRY[packaging])
      const args = ['-loglevel', 'warning', ...unverified(url), '-show_entries', 'stream=codec_name,height']
      const { stdout, stderr } = await run(FFPROBE ?? '', [...args, '-of', 'csv=p=0', url])
      expect(stderr).toBe('')
      expect(new Set(stdout.split(/[\n,]*\n/).filter((line) => line !== ''))).toEqual(new Set(found))
    },
  )

  test('ffprobe is told 403 without a token, and the bucket hears nothing', async () => {
    const asked = media.asked.length
    const url = `${media.secureSite}/vod/${ENTRY['HLS with TS']}`
    await expect(run(FFPROBE ?? '', ['-loglevel', 'error', ...unverified(url), url])).rejects.toThrow('403 Forbidden')
    expect(media.asked.slice(asked)).toEqual([])
  })
})
