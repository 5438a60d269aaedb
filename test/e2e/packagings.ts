/** The sample stream in three packagings: HLS with fMP4 as it is kept, HLS with TS and DASH as ffmpeg repacks it. */

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const SAMPLE = resolve(import.meta.dirname, '../../src/demo/sample')

/** What a player opens, by packaging. */
export const ENTRY = {
  'HLS with fMP4': 'fmp4/master.m3u8',
  'HLS with TS': 'ts/master.m3u8',
  DASH: 'dash/manifest.mpd',
} as const
export type Packaging = keyof typeof ENTRY

const QUIET = ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y']
const input = (name: string) => ['-allowed_extensions', 'ALL', '-i', join(SAMPLE, `${name}.m3u8`)]
const INPUTS = ['360p', '144p', 'audio'].flatMap(input)

/** Every file by its path, such as `dash/manifest.mpd`. Nothing is encoded anew. @throws where ffmpeg is missing */
export function packagings(): ReadonlyMap<string, Buffer<ArrayBuffer>> {
  const folder = mkdtempSync(join(tmpdir(), 'segment-shield-packagings-'))
  for (const name of ['ts', 'dash']) mkdirSync(join(folder, name))
  ffmpeg(folder, [
    ...['-map', '0:v', '-map', '1:v', '-map', '2:a', '-map', '2:a', '-c', 'copy'],
    ...['-f', 'hls', '-hls_time', '4', '-hls_playlist_type', 'vod', '-hls_segment_type', 'mpegts'],
    ...['-hls_flags', 'independent_segments', '-hls_segment_filename', 'ts/%v-%03d.ts'],
    ...['-var_stream_map', 'v:0,a:0,name:360p v:1,a:1,name:144p', '-master_pl_name', 'master.m3u8', 'ts/%v.m3u8'],
  ])
  ffmpeg(folder, [
    ...['-map', '0:v', '-map', '1:v', '-map', '2:a', '-c', 'copy'],
    ...['-f', 'dash', '-seg_duration', '4', '-adaptation_sets', 'id=0,streams=v id=1,streams=a'],
    ...['-init_seg_name', 'init-$RepresentationID$.mp4', '-media_seg_name', '$RepresentationID$-$Number%03d$.m4s'],
    'dash/manifest.mpd',
  ])
  const files = new Map<string, Buffer<ArrayBuffer>>()
  for (const name of readdirSync(SAMPLE)) files.set(`fmp4/${name}`, readFileSync(join(SAMPLE, name)))
  for (const packaging of ['ts', 'dash']) {
    for (const name of readdirSync(join(folder, packaging))) {
      files.set(`${packaging}/${name}`, readFileSync(join(folder, packaging, name)))
    }
  }
  rmSync(folder, { recursive: true })
  return files
}

function ffmpeg(cwd: string, args: readonly string[]): void {
  execFileSync('ffmpeg', [...QUIET, ...INPUTS, ...args], { cwd, stdio: ['ignore', 'ignore', 'inherit'] })
}
