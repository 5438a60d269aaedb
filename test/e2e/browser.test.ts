import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningDemo, startDemo } from '../../src/demo.ts'
import { ARTEFACTS, CHROMIUM, launchChromium } from '../support/chromium.ts'
import { leftOut } from '../support/programs.ts'

if (CHROMIUM === undefined) leftOut('playing the demo in a browser', 'chromium is not installed')

/** What watch.js leaves for whoever wants to look. */
interface Played {
  readonly answers: readonly { name: string; status: number; outcome: string; bytes: number; cacheStatus: string }[]
  readonly errors: readonly { details: string; fatal: boolean }[]
  readonly duration: number
  readonly playedTo: number
}

describe.skipIf(CHROMIUM === undefined)('hls.js in a browser', () => {
  let demo: RunningDemo
  let browser: Browser
  let page: Page
  const complaints: string[] = []

  beforeAll(async () => {
    demo = await startDemo({ port: 0, s3Port: 0, adminPort: 0, print: () => undefined })
    browser = await launchChromium()
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
    page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`))
    page.on('pageerror', (error) => complaints.push(error.message))
    await page.goto(demo.url)
  })

  afterAll(async () => {
    await browser?.close()
    await demo?.close()
  })

  /** Plays from where it is to the end, faster than a person would. */
  async function playToEnd(): Promise<Played> {
    await page.waitForFunction('document.querySelector("video").currentTime > 0.2')
    await page.evaluate('document.querySelector("video").playbackRate = 3')
    await page.waitForFunction('document.querySelector("video").ended', undefined, { timeout: 60_000 })
    return page.evaluate(`({
      answers: demo.answers.splice(0),
      errors: demo.errors,
      duration: document.querySelector('video').duration,
      playedTo: document.querySelector('video').currentTime,
    })`)
  }

  const segmentsOf = ({ answers }: Played) => answers.filter(({ name }) => /\.(m4s|mp4)$/.test(name))

  test('plays the stream to its end through a cold cache, and again through a warm one', {
    timeout: 120_000,
  }, async () => {
    const cold = await playToEnd()
    expect(cold.errors).toEqual([])
    expect(cold.duration).toBeCloseTo(30, 0)
    expect(cold.playedTo).toBeCloseTo(cold.duration, 1)
    expect(cold.answers.every(({ status, bytes }) => status === 200 && bytes > 0)).toBe(true)
    // Eight segments of sound and of picture, and the init file of each.
    expect(segmentsOf(cold).length).toBeGreaterThanOrEqual(18)
    expect(new Set(segmentsOf(cold).map(({ outcome }) => outcome))).toEqual(new Set(['miss']))

    await page.click('#restart')
    await page.waitForFunction('!document.querySelector("video").ended')
    const warm = await playToEnd()
    expect(warm.errors).toEqual([])
    expect(warm.playedTo).toBeCloseTo(warm.duration, 1)
    const seen = new Set(segmentsOf(cold).map(({ name }) => name))
    const again = segmentsOf(warm).filter(({ name }) => seen.has(name))
    expect(again.length).toBeGreaterThanOrEqual(16)
    expect(new Set(again.map(({ outcome }) => outcome))).toEqual(new Set(['hit']))
    expect(again.every(({ cacheStatus }) => /^segment-shield; hit; ttl=\d+$/.test(cacheStatus))).toBe(true)

    mkdirSync(ARTEFACTS, { recursive: true })
    await page.screenshot({ path: resolve(ARTEFACTS, 'demo.png') })
    expect(complaints).toEqual([])
  })

  test('the table has a row for each answer, with its outcome in words', async () => {
    const rows = await page.locator('#answers tr').count()
    expect(rows).toBeGreaterThanOrEqual(40)
    expect(await page.locator('#answers tr[data-outcome=hit]').first().textContent()).toMatch(
      /\.m4shit[\d.]+ ms[\d.]+ kB/,
    )
    expect(await page.locator('#total-requests').textContent()).toMatch(/^\d+$/)
  })
})
