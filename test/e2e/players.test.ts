/**
 * Three players on another site play three packagings through the shield to their end, over HTTP/2, with tokens and CMCD:
 * they seek back and forth and change renditions on the way, meet no error, and on the second run everything comes out
 * of memory.
 */

import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM, launchChromium } from '../support/chromium.ts'
import { findProgram, leftOut } from '../support/programs.ts'
import { type GuardedMedia, startGuardedMedia } from './guarded-media.ts'
import { ENTRY } from './packagings.ts'
import { type PageServer, startPageServer } from './player-page/page-server.ts'

const isMissing = CHROMIUM === undefined || findProgram('ffmpeg') === undefined
if (isMissing) leftOut('three players in a browser', 'chromium or ffmpeg is not installed')

/** What the page has its players say of themselves. */
const SESSION = '6e2fb550-c457-11e9-bb97-0800200c9a66'

/** What the page leaves for us. */
interface Watch {
  readonly errors: readonly string[]
  open(player: string, url: string): Promise<void>
  refused(player: string, url: string): Promise<readonly string[]>
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

describe.skipIf(isMissing)('players on another site', () => {
  let media: GuardedMedia
  let pages: PageServer
  let browser: Browser

  beforeAll(async () => {
    pages = await startPageServer()
    media = await startGuardedMedia(pages.site)
    browser = await launchChromium()
  })

  afterAll(async () => {
    await browser?.close()
    await media?.close()
    await pages?.close()
  })

  /** In a context of its own, so that nothing is in the browser's cache. */
  async function inPage<Value>(use: (page: Page, seen: readonly Seen[]) => Promise<Value>, cookie?: string) {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 640, height: 400 } })
    try {
      if (cookie !== undefined) await addCookie(context, cookie)
      const page = await context.newPage()
      const seen = listen(page)
      await page.goto(pages.site)
      return await use(page, seen)
    } finally {
      await context.close()
    }
  }

  async function addCookie(context: BrowserContext, line: string): Promise<void> {
    const [, name = '', value = '', path = ''] = /^(\w+)=([^;]+); Path=([^;]+)/.exec(line) ?? []
    const { hostname } = new URL(media.secureSite)
    await context.addCookies([{ name, value, path, domain: hostname, secure: true, httpOnly: true, sameSite: 'None' }])
  }

  /** Everything that came from the shield, but for the answers to preflights. */
  function listen(page: Page): readonly Seen[] {
    const seen: Seen[] = []
    page.on('response', (response) => {
      if (!response.url().startsWith(media.secureSite) || response.request().method() === 'OPTIONS') return
      const path = new URL(response.url()).pathname.replace(/^\/token=[^/]+/, '')
      seen.push({ path, status: response.status(), cacheStatus: response.headers()['cache-status'] ?? '' })
    })
    return seen
  }

  /** Plays, seeks, changes renditions and plays to the end; tells what came over the network. */
  async function play(player: string, url: string, cookie?: string): Promise<readonly Seen[]> {
    return inPage(async (page, seen) => {
      const complaints: string[] = []
      page.on('pageerror', (error) => complaints.push(error.message))
      await page.evaluate(([name, entry]) => watch.open(name, entry), [player, url] as const)
      await page.evaluate(async () => {
        await watch.playTo(2)
        await watch.seek(18)
        await watch.playTo(19)
        // To where nothing is buffered, nor comes in late: from what it still has there, dash.js goes on with the segment
        // after the last one it asked for, and stands before the gap.
        await watch.seek(13)
        await watch.playTo(14.5)
        await watch.switchTo(144)
        await watch.switchTo(360)
        await watch.seek(26)
      })
      const { playedTo, duration } = await page.evaluate(() => watch.playToEnd())
      expect(duration).toBeCloseTo(30, 0)
      expect(playedTo).toBeCloseTo(duration, 0)
      expect(await page.evaluate(() => watch.errors)).toEqual([])
      expect(complaints).toEqual([])
      expect(await protocols(page)).toEqual(['h2'])
      await page.evaluate(() => watch.destroy())
      expect(seen.filter(({ status }) => status !== 200 && status !== 206)).toEqual([])
      return seen
    }, cookie)
  }

  /** What the browser says it spoke; it tells a page of another site only where `Timing-Allow-Origin` lets it. */
  function protocols(page: Page): Promise<readonly string[]> {
    return page.evaluate((site) => {
      const entries = performance.getEntriesByType('resource') as PerformanceResourceTiming[]
      // What was given up before its answer came has no status, nor a protocol.
      const answered = entries.filter(({ name, responseStatus }) => name.startsWith(site) && responseStatus > 0)
      return [...new Set(answered.map(({ nextHopProtocol }) => nextHopProtocol))]
    }, media.secureSite)
  }

  const segmentsOf = (seen: readonly Seen[]) => seen.filter(({ path }) => /\.(m4s|mp4|ts)$/.test(path))

  async function playTwice(player: string, entry: string): Promise<void> {
    const url = media.signed(media.secureSite, 'path', entry)
    const cold = await play(player, url)
    const warm = await play(player, url)
    const stored = new Set(cold.map(({ path }) => path))
    const again = segmentsOf(warm).filter(({ path }) => stored.has(path))
    expect(again.filter(({ cacheStatus }) => !/^segment-shield; hit; ttl=\d+$/.test(cacheStatus))).toEqual([])
    expect(again.length).toBeGreaterThan(8)
  }

  /** Nothing of tokens or CMCD in what the bucket was asked; each session in the access records, and no token. */
  function expectDiscretion(): void {
    expect(media.asked.length).toBeGreaterThan(0)
    expect(media.asked.filter((text) => /cmcd|token|cookie|referer|k1\./i.test(text))).toEqual([])
    expect(media.lines.filter((line) => /token=|k1\.|hush/i.test(line))).toEqual([])
  }

  test.each([
    ['hls.js', 'HLS with fMP4'],
    ['hls.js', 'HLS with TS'],
    ['dash.js', 'DASH'],
  ] as const)(
    '%s and Shaka Player side by side play %s to the end, cold and warm',
    { timeout: 120_000 },
    async (player, packaging) => {
      const from = media.lines.length
      await Promise.all([playTwice(player, ENTRY[packaging]), playTwice('Shaka Player', ENTRY[packaging])])
      expectDiscretion()
      const records = media.lines.slice(from).map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
      const played = records.filter(({ method, msg }) => msg === 'request' && method === 'GET')
      expect(played.length).toBeGreaterThan(40)
      const sessions = played.map(({ cmcd }) => (cmcd as { readonly sid?: string } | undefined)?.sid)
      expect(new Set(sessions)).toEqual(new Set([SESSION]))
    },
  )

  test('hls.js plays with its token in a cookie, and Shaka Player with one that playlists hand on', {
    timeout: 120_000,
  }, async () => {
    const cookie = media.signed(media.secureSite, 'cookie', ENTRY['HLS with fMP4'])
    const [members, tickets] = await Promise.all([
      play('hls.js with cookies', `${media.secureSite}/members/${ENTRY['HLS with fMP4']}`, cookie),
      play('Shaka Player', media.signed(media.secureSite, 'query', ENTRY.DASH)),
    ])
    expect(segmentsOf(members).length).toBeGreaterThan(8)
    expect(segmentsOf(tickets).length).toBeGreaterThan(8)
    expectDiscretion()
  })

  test.each([
    ['hls.js', 'HLS with fMP4'],
    ['dash.js', 'DASH'],
    ['Shaka Player', 'HLS with TS'],
  ] as const)('%s is told 403 when its token has expired, or is for something else', async (player, packaging) => {
    const asked = media.asked.length
    const expired = media.signed(media.secureSite, 'path', ENTRY[packaging], Math.floor(Date.now() / 1000) - 60)
    const foreign = media
      .signed(media.secureSite, 'path', 'other/master.m3u8')
      .replace('other/master.m3u8', ENTRY[packaging])
    for (const [url, reason] of [
      [expired, 'expired'],
      [foreign, 'wrong-path'],
    ] as const) {
      await inPage(async (page, seen) => {
        const errors = await page.evaluate(([name, entry]) => watch.refused(name, entry), [player, url] as const)
        expect(errors.join(' ')).toContain('403')
        expect(new Set(seen.map(({ status }) => status))).toEqual(new Set([403]))
        expect(new Set(seen.map(({ cacheStatus }) => cacheStatus))).toEqual(
          new Set([`segment-shield; detail=${reason}`]),
        )
      })
    }
    expect(media.asked.slice(asked)).toEqual([])
  })
})
