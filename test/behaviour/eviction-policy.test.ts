import { expect, test } from 'vitest'
import { pattern, request, startShield } from '../support/shield.ts'

/** A playlist, then three memories of segments, and how the playlist is answered after them. */
async function playlistAfterFlood(cache: Readonly<Record<string, unknown>>): Promise<string | undefined> {
  const { s3, port } = await startShield({ cache: { memory: '4MiB', maxObject: '1MiB', ...cache } })
  s3.put('film.m3u8', Buffer.from('#EXTM3U\n'))
  await request(port, { path: '/film.m3u8' })
  for (let index = 0; index < 12; index += 1) {
    s3.put(`${index}.ts`, pattern(1_000_000, index))
    expect((await request(port, { path: `/${index}.ts` })).isWhole).toBe(true)
  }
  const [status] = (await request(port, { path: '/film.m3u8' })).headers['cache-status']?.split('; ttl') ?? []
  return status
}

test('a playlist survives a flood of segments, unless the configuration says lru', async () => {
  expect(await playlistAfterFlood({})).toBe('segment-shield; hit')
  expect(await playlistAfterFlood({ policy: 'adaptive' })).toBe('segment-shield; hit')
  expect(await playlistAfterFlood({ policy: 'lru' })).toMatch(/^segment-shield; fwd=uri-miss/)
})

test('a film that is watched again outlives segments that nobody asks for again, unless the configuration says lru', async () => {
  const hits = async (policy: string) => {
    const { s3, port, clock } = await startShield({ cache: { memory: '4MiB', maxObject: '1MiB', policy } })
    s3.put('film.ts', pattern(1_000_000, 99))
    for (const afterMs of [0, 10_000, 0]) {
      clock.advance(afterMs)
      await request(port, { path: '/film.ts' })
    }
    for (let index = 0; index < 12; index += 1) {
      s3.put(`${index}.ts`, pattern(1_000_000, index))
      await request(port, { path: `/${index}.ts` })
    }
    return (await request(port, { path: '/film.ts' })).headers['cache-status']
  }
  expect(await hits('adaptive')).toMatch(/^segment-shield; hit/)
  expect(await hits('lru')).toMatch(/^segment-shield; fwd=uri-miss/)
})
