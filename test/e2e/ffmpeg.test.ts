import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningDemo, startDemo } from '../../src/demo.ts'
import { findProgram, leftOut } from '../support/programs.ts'

const run = promisify(execFile)
const FFMPEG = findProgram('ffmpeg')
const FFPROBE = findProgram('ffprobe')
const isMissing = FFMPEG === undefined || FFPROBE === undefined
if (isMissing) leftOut('reading the stream with ffmpeg', 'ffmpeg is not installed')

describe.skipIf(isMissing)('ffmpeg', () => {
  let demo: RunningDemo
  beforeAll(async () => {
    demo = await startDemo({ port: 0, s3Port: 0, adminPort: 0, print: () => undefined })
  })
  afterAll(() => demo.close())

  /** One line a packet: stream, times, size and a hash of its bytes, as they came, without decoding. */
  async function packetHashes(url: string): Promise<string[]> {
    const args = ['-nostdin', '-loglevel', 'error', '-i', url, '-map', '0', '-c', 'copy', '-f', 'framehash', '-']
    const { stdout, stderr } = await run(FFMPEG ?? '', args, { maxBuffer: 64 * 1024 * 1024 })
    expect(stderr).toBe('')
    return stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  }

  const straight = (name: string) => `${demo.s3Endpoint}/demo/stream/${name}`
  const throughShield = (name: string) => new URL(name, demo.streamUrl).href

  test.each(['360p.m3u8', '240p.m3u8', '144p.m3u8', 'audio.m3u8', 'master.m3u8'])(
    '%s has the same packets through the shield, cold and warm, as straight from the bucket',
    async (name) => {
      const expected = await packetHashes(straight(name))
      expect(expected.length).toBeGreaterThanOrEqual(750)
      expect(await packetHashes(throughShield(name))).toEqual(expected)
      expect(await packetHashes(throughShield(name))).toEqual(expected)
    },
  )

  test('ffprobe finds three renditions and their sound, and nothing to complain about', async () => {
    const args = ['-loglevel', 'warning', '-show_entries', 'stream=codec_name,height', '-of', 'csv=p=0', demo.streamUrl]
    const { stdout, stderr } = await run(FFPROBE ?? '', args)
    expect(stderr).toBe('')
    const streams = new Set(stdout.split('\n').filter((line) => line !== ''))
    expect(streams).toEqual(new Set(['h264,360', 'h264,240', 'h264,144', 'aac']))
  })
})
