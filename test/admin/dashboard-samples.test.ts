/** What the dashboard's page makes of the samples it is sent. */
import { expect, test } from 'vitest'

interface PageSamples {
  begin(history: readonly object[]): void
  add(sample: object): void
  recent(): { readonly requestsPerSecond: number }
  within(seconds: number): readonly { readonly atMs: number }[]
}

const url = new URL('../../src/admin/dashboard/samples.js', import.meta.url)
const { Samples } = (await import(url.href)) as { readonly Samples: new () => PageSamples }

const ZEROS = { hits: 0, bytes: 0, hitBytes: 0, fetchedBytes: 0, clientErrors: 0, serverErrors: 0 }
const sample = (atMs: number, requests: number) => ({ ...ZEROS, atMs, seconds: 1, requests })

test('what a clock that was set back has put into the future is not of now', () => {
  const samples = new Samples()
  samples.begin([sample(60_000, 900), sample(61_000, 900)])
  samples.add(sample(21_000, 4))
  samples.add(sample(22_000, 6))

  expect(samples.within(10).map(({ atMs }) => atMs)).toEqual([21_000, 22_000])
  expect(samples.recent().requestsPerSecond).toBe(5)
})
