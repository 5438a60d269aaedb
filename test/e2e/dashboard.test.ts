/** The dashboard in a browser, of a shield that serves: what it shows, what is done from it, and what it does when cut off. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createShield, type Shield } from '../../src/index.ts'
import { ARTEFACTS, CHROMIUM, launchChromium } from '../support/chromium.ts'
import { request } from '../support/http-client.ts'
import { leftOut } from '../support/programs.ts'
import { type S3Server, startS3Server } from '../support/s3-socket-server.ts'

if (CHROMIUM === undefined) leftOut('the dashboard in a browser', 'chromium is not installed')

const TOKEN = 'hush+4711/='
const TRAP = 'vod/<img src=x onerror=alert(1)>.ts'

describe.skipIf(CHROMIUM === undefined)('the dashboard', () => {
  let browser: Browser
  let s3: S3Server
  let shield: Shield
  let page: Page
  /** Of the browser's console, and what went to other hosts. */
  let complaints: string[]

  beforeAll(async () => {
    mkdirSync(ARTEFACTS, { recursive: true })
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())

  beforeEach(async () => {
    complaints = []
    s3 = await startS3Server()
    for (const name of ['a', 'b', 'c']) s3.put(`vod/${name}.ts`, Buffer.alloc(200_000, name))
    s3.put(TRAP, 'no image')
    shield = await serve()
  })
  afterEach(async () => {
    await page?.close()
    await shield.close()
    await s3.close()
  })

  function serve(admin: Readonly<Record<string, unknown>> = {}): Promise<Shield> {
    return createShield(
      {
        listen: [{ address: '127.0.0.1:0' }],
        admin: { address: '127.0.0.1:0', ...admin },
        log: { level: 'info', access: false, format: 'json' },
        origins: {
          spaces: {
            type: 's3',
            endpoint: s3.endpoint,
            region: 'sfo3',
            bucket: s3.bucket,
            forcePathStyle: true,
            credentials: { anonymous: true },
            retry: { maxAttempts: 1 },
          },
        },
        routes: [{ match: '/**', origin: 'spaces', ttl: '1h' }],
      },
      { graceMs: 0, log: { write: () => true } },
    )
  }

  async function open(options: Parameters<Browser['newPage']>[0] = {}): Promise<void> {
    const address = `http://127.0.0.1:${shield.admin?.port}/`
    page = await browser.newPage({ viewport: { width: 1440, height: 900 }, ...options })
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('request', (asked) => {
      if (!asked.url().startsWith(address) && !asked.url().startsWith('data:')) complaints.push(asked.url())
    })
    await page.goto(address)
  }

  /** @param path as it is sent */
  async function ask(path: string): Promise<string> {
    const { status, headers } = await request(shield.addresses[0]?.port ?? 0, { path })
    return `${status} ${headers['cache-status']?.includes('; hit') ? 'hit' : 'miss'}`
  }

  const says = (selector: string, text: string) => page.locator(selector).filter({ hasText: text }).first().waitFor()
  const tile = (label: string) => page.locator('.tile').filter({ hasText: label }).locator('.value').innerText()
  const live = () => says('#connection', 'Live')

  test('shows what was served, and paths as text whatever they say', async () => {
    await open()
    await live()
    await says('#paths', 'No requests yet.')
    await says('#troubles', 'Nothing from warnings on.')
    const trap = `/${encodeURI(TRAP)}`
    expect([await ask('/vod/a.ts'), await ask('/vod/a.ts'), await ask('/vod/b.ts'), await ask(trap)]).toEqual([
      '200 miss',
      '200 hit',
      '200 miss',
      '200 miss',
    ])
    expect(await ask('/vod/none.ts')).toBe('404 miss')
    await says('#paths tr', '/vod/none.ts')
    const rows = await page.locator('#paths tr').allInnerTexts()
    const texts = rows.map((row) => row.split(/\s{2,}|\t|\n/).filter((text) => text !== '' && text !== 'Purge…'))
    expect(texts[0]?.slice(0, 2)).toEqual(['/vod/a.ts', '2'])
    expect(texts[0]?.[2]).toBe('50\u00a0%')
    expect(texts.map(([path]) => path).toSorted()).toEqual(
      [`/${TRAP}`, '/vod/a.ts', '/vod/b.ts', '/vod/none.ts'].toSorted(),
    )
    expect(await page.locator('#paths img').count()).toBe(0)
    expect(await tile('Stored answers')).toBe('4')
    await says('#origins tr', 'spaces')
    await says('#origins tr', 'closed')
    expect(complaints).toEqual([])
  })

  test('purges a path from its row, and everything once it is confirmed', async () => {
    for (const path of ['/vod/a.ts', '/vod/b.ts', '/vod/c.ts']) await ask(path)
    await open()
    await live()
    await ask('/vod/a.ts')
    await page.getByRole('button', { name: 'Purge /vod/a.ts' }).click()
    await page.locator('#purge-form button[type=submit]').click()
    await says('#purge-said', 'Purged: 1 stored, 0 under way.')
    expect([await ask('/vod/a.ts'), await ask('/vod/b.ts')]).toEqual(['200 miss', '200 hit'])

    await page.selectOption('#purge-kind', 'everything')
    await page.locator('#purge-form button[type=submit]').click()
    await says('#confirm', 'stored answers go')
    await page.getByRole('button', { name: 'Keep it' }).click()
    expect(await ask('/vod/b.ts')).toBe('200 hit')
    await page.locator('#purge-form button[type=submit]').click()
    await page.getByRole('button', { name: 'Purge everything' }).click()
    await says('#purge-said', 'Purged: 3 stored, 0 under way.')
    expect(await ask('/vod/b.ts')).toBe('200 miss')
    expect(complaints).toEqual([])
  })

  test('says what is wrong with what is to be purged, in the words of the shield', async () => {
    await open()
    await live()
    await page.selectOption('#purge-kind', 'patterns')
    await page.fill('#purge-which', '/vod/{a')
    await page.locator('#purge-form button[type=submit]').click()
    await page.locator('#purge-said[data-is=error]').waitFor()
    expect(await page.locator('#purge-said').innerText()).toBe('patterns[0]: "{" without "}"')
  })

  test('warms what is named, and names what failed', async () => {
    await open()
    await live()
    await page.selectOption('#warm-kind', 'urls')
    await page.fill('#warm-which', '/vod/a.ts\n\n/vod/b.ts\n/vod/none.ts\n')
    await page.locator('#warm-form button[type=submit]').click()
    await says('#warm-said', '2 warmed, 1 failed, 400\u00a0kB.')
    expect(await page.locator('#warm-failures li').allInnerTexts()).toEqual([expect.stringContaining('/vod/none.ts')])
    expect([await ask('/vod/a.ts'), await ask('/vod/b.ts')]).toEqual(['200 hit', '200 hit'])
    expect(complaints).toEqual([])
  })

  test('asks for the token, says that it is wrong, and keeps it in this tab alone', async () => {
    await shield.close()
    shield = await serve({ token: TOKEN })
    await open()
    const board = page.locator('#board')
    await page.locator('#token').waitFor()
    expect(await board.isVisible()).toBe(false)
    await page.fill('#token', 'guessed')
    await page.getByRole('button', { name: 'Show' }).click()
    await says('#token-message', 'That is not the token.')
    expect(await board.isVisible()).toBe(false)
    // No header field can carry these: the page has to say so by itself.
    await page.fill('#token', `“${TOKEN}”`)
    await page.getByRole('button', { name: 'Show' }).click()
    await page.waitForFunction("sessionStorage['segment-shield token'].startsWith('“')")
    await says('#token-message', 'That is not the token.')
    expect(await page.locator('#token-form').isVisible()).toBe(true)
    await page.fill('#token', TOKEN)
    await page.getByRole('button', { name: 'Show' }).click()
    await live()
    expect([await board.isVisible(), await page.locator('#token-form').isVisible()]).toEqual([true, false])
    await page.reload()
    await live()
    expect(await page.evaluate('JSON.stringify(localStorage) + document.cookie + location.href')).not.toContain('hush')
    await page.selectOption('#purge-kind', 'everything')
    await page.locator('#purge-form button[type=submit]').click()
    await page.getByRole('button', { name: 'Purge everything' }).click()
    await says('#purge-said', 'Purged: 0 stored, 0 under way.')
  })

  test('says at once that it is cut off, and goes on by itself once the shield is back', async () => {
    await open()
    await live()
    await ask('/vod/a.ts')
    await says('#paths tr', '/vod/a.ts')
    const port = shield.admin?.port
    await shield.close()
    await says('#connection', 'Connection lost')
    expect(await page.evaluate('getComputedStyle(document.querySelector(".tiles")).opacity')).toBe('0.45')
    shield = await serve({ address: `127.0.0.1:${port}` })
    await live()
    expect(await page.evaluate('getComputedStyle(document.querySelector(".tiles")).opacity')).toBe('1')
    await says('#paths', 'No requests yet.')
  })

  test.each([
    ['desktop-light', 1440, 'light'],
    ['desktop-dark', 1440, 'dark'],
    ['phone', 375, 'dark'],
  ] as const)('fits its window: %s', async (name, width, colorScheme) => {
    await open({ viewport: { width, height: 812 }, colorScheme })
    await live()
    for (let nth = 0; nth < 20; nth += 1) for (const path of ['/vod/a.ts', '/vod/b.ts', '/vod/none.ts']) await ask(path)
    await says('#paths tr', '/vod/none.ts')
    expect(await page.evaluate('document.documentElement.dataset.scheme')).toBe(colorScheme)
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
    expect(await page.locator('.chart canvas').count()).toBe(6)
    await page.screenshot({ path: join(ARTEFACTS, `dashboard-${name}.png`), fullPage: true })
    expect(complaints).toEqual([])
  })
})
