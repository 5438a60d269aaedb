/** How a hit leaves the program: what is in memory goes out in one piece. */

import { ServerResponse } from 'node:http'
import { expect, test, vi } from 'vitest'
import type { RequestOptions } from '../support/http-client.ts'
import { pattern, request, startShield } from '../support/shield.ts'

const HITS = 50
const BYTES = pattern(300_000)
const PATH = '/vod/1.ts'

const ways: readonly { readonly what: string; readonly ask: RequestOptions }[] = [
  { what: 'whole', ask: { path: PATH } },
  { what: 'a range', ask: { path: PATH, headers: { Range: 'bytes=1000-200999' } } },
  { what: 'not modified', ask: { path: PATH, headers: { 'If-None-Match': '"one"' } } },
  { what: 'HEAD', ask: { path: PATH, method: 'HEAD' } },
]

test.each(ways)('a hit ($what) is one head, one end, and no write', async ({ ask }) => {
  const shield = await startShield()
  shield.s3.put('vod/1.ts', BYTES, { etag: '"one"' })
  await request(shield.port, { path: PATH })
  const end = vi.spyOn(ServerResponse.prototype, 'end')
  const write = vi.spyOn(ServerResponse.prototype, 'write')
  const writeHead = vi.spyOn(ServerResponse.prototype, 'writeHead')
  for (let hit = 0; hit < HITS; hit += 1) {
    const { headers, isWhole } = await request(shield.port, ask)
    expect(headers['cache-status']).toContain('hit')
    expect(isWhole).toBe(true)
  }
  expect(shield.s3.requests).toHaveLength(1)
  expect([writeHead, write, end].map(({ mock }) => mock.calls.length)).toEqual([HITS, 0, HITS])
})
