/**
 * Three players on another site play three packagings through the shield to their end: they seek back and forth and
 * change renditions on the way, meet no error, and on the second run everything comes out of memory.
 */

import type { AddressInfo } from 'node:net'
import { buildApp } from 'fauxqs'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningApp, startApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load.ts'
import { contentTypeFor } from '../../src/media/types.ts'
import { findProgram, leftOut } from '../support/programs.ts'
import { ENTRY, type Packaging, packagings } from './packagings.ts'
import { type PageServer, startPageServer } from './player-page/page-server.ts'

const CHROMIUM = findProgram('chromium')
const isMissing = CHROMIUM === undefined || findProgram('ffmpeg') === undefined
if (isMissing) leftOut('three players in a browser', 'chromium or ffmpeg is not installed')

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
]
const BUCKET = 'media'

/** What the page leaves for us. */
interface Watch {
  readonly errors: readonly string[]
  open(player: string, url: string): Promise<void>
  playTo(seconds: number): Promise<void>
  seek(seconds: number): Promise<void>
  switchTo(height: number): Promise<void>
  playToEnd(): Promise<{ readonly playedTo: number; readonly duration: number }>
  destroy(): Promise<void>
}
declare const watch: Watch

interface Seen {
  readonly path: string
  readonly status: number
  readonly cacheStatus: string
}

describe.skipIf(isMissing)('a player on another site', () => {
  const s3 = buildApp({ logger: false })
  const lines: string[] = []
  let app: RunningApp
  let pages: PageServer
  let browser: Browser
  let base = ''

  beforeAll(async () => {
    await s3.listen({ host: '127.0.0.1', port: 0 })
    const { port } = s3.server.address() as AddressInfo
    const endpoint = `http://127.0.0.1:${port}`
    await fetch(`${endpoint}/${BUCKET}/`, { method: 'PUT' })
    await Promise.all(
      [...packagings()].map(async ([path, body]) => {
        const headers = { 'Content-Type': contentTypeFor(path, undefined) ?? 'application/octet-stream' }
        const { ok } = await fetch(`${endpoint}/${BUCKET}/vod/${path}`, { method: 'PUT', headers, body })
        if (!ok) throw new Error(`the bucket did not take ${path}`)
      }),
    )
    pages = await startPageServer()
    app = await startApp(loadConfig({ text: configOf(endpoint, pages.site), file: 'players.yaml' }, {}), {
      log: { write: (line) => void lines.push(line) },
    })
    base = `http://127.0.0.1:${app.addresses[0]?.port}`
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: FLAGS })
  })

  afterAll(async () => {
    await browser?.close()
    await app?.close()
    await pages?.close()
    await s3.close()
  })

  /** Opens a page with nothing in its cache, plays, and tells what came over the network. */
  async function play(player: string, packaging: Packaging): Promise<readonly Seen[]> {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 640, height: 400 } })
    try {
      return await playIn(context, player, `${base}/vod/${ENTRY[packaging]}`)
    } finally {
      await context.close()
    }
  }

  async function playIn(context: BrowserContext, player: string, url: string): Promise<readonly Seen[]> {
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))
    const seen = listen(page)
    await page.goto(pages.site)
    await page.evaluate(([name, entry]) => watch.open(name, entry), [player, url] as const)
    await page.evaluate(async () => {
      await watch.playTo(2)
      await watch.seek(14)
      await watch.playTo(15)
      await watch.seek(5)
      await watch.playTo(9)
      await watch.switchTo(144)
      await watch.switchTo(360)
      await watch.seek(24)
    })
    const { playedTo, duration } = await page.evaluate(() => watch.playToEnd())
    expect(duration).toBeCloseTo(30, 0)
    expect(playedTo).toBeCloseTo(duration, 0)
    expect(await page.evaluate(() => watch.errors)).toEqual([])
    await page.evaluate(() => watch.destroy())
    expect(complaints).toEqual([])
    return seen
  }

  function listen(page: Page): readonly Seen[] {
    const seen: Seen[] = []
    page.on('response', (response) => {
      if (!response.url().startsWith(base)) return
      const { pathname } = new URL(response.url())
      const cacheStatus = response.headers()['cache-status'] ?? ''
      seen.push({ path: pathname, status: response.status(), cacheStatus })
    })
    return seen
  }

  test.each([
    ['hls.js', 'HLS with fMP4'],
    ['hls.js', 'HLS with TS'],
    ['dash.js', 'DASH'],
    ['Shaka Player', 'HLS with fMP4'],
    ['Shaka Player', 'HLS with TS'],
    ['Shaka Player', 'DASH'],
  ] as const)('%s plays %s to the end, cold and warm', { timeout: 120_000 }, async (player, packaging) => {
    const cold = await play(player, packaging)
    const warm = await play(player, packaging)

    const isGood = ({ status }: Seen) => status === 200 || status === 206 || status === 204
    expect([...cold, ...warm].filter((one) => !isGood(one))).toEqual([])
    const segments = warm.filter(({ path, status }) => /\.(m4s|mp4|ts)$/.test(path) && status !== 204)
    expect(segments.length).toBeGreaterThan(8)
    const stored = new Set(cold.map(({ path }) => path))
    const again = segments.filter(({ path }) => stored.has(path))
    expect(again.filter(({ cacheStatus }) => !/^segment-shield; hit; ttl=\d+$/.test(cacheStatus))).toEqual([])
    expect(again.length).toBeGreaterThan(8)
  })
})

function configOf(endpoint: string, site: string): string {
  return `
listen: [{ address: "127.0.0.1:0" }]
origins:
  bucket:
    type: s3
    endpoint: ${endpoint}
    region: us-east-1
    bucket: ${BUCKET}
    forcePathStyle: true
    credentials: { accessKeyId: demo, secretAccessKey: demo-secret }
routes:
  - match: /vod/**
    origin: bucket
    cors: { origins: ["${site}"] }
`
}
