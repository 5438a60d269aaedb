/** Odd object names between the S3 origin and a real gateway, in both styles of address. */
import dns, { type LookupOptions } from 'node:dns'
import { beforeAll, expect, test, vi } from 'vitest'
import { describeWithRgw, put, rgwOrigin } from './fixture.ts'
import { ODD_KEYS } from './odd-keys.ts'

type LookupCallback = (error: null, address: string | dns.LookupAddress[], family?: number) => void

/** RFC 6761 §6.3 has every name below localhost mean this machine; not every resolver does. */
function resolveLocalhostNames(): void {
  const lookup = (hostname: string, options: LookupOptions, callback: LookupCallback): void => {
    if (!hostname.endsWith('.localhost')) throw new Error(`no name but localhost's is asked for here: ${hostname}`)
    if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }])
    else callback(null, '127.0.0.1', 4)
  }
  vi.spyOn(dns, 'lookup').mockImplementation(lookup as unknown as typeof dns.lookup)
}

describeWithRgw('the S3 origin and odd object names in Ceph RGW', (gateway) => {
  beforeAll(async () => {
    for (const { key } of ODD_KEYS) await put(gateway(), key, Buffer.from(key))
  })

  test.each(ODD_KEYS)('a name with $what finds its own object, by path', async ({ key }) => {
    expect(await rgwOrigin(gateway()).whole(key)).toMatchObject({ status: 200, bytes: Buffer.from(key) })
  })

  test.each(ODD_KEYS)('a name with $what finds its own object, by host name', async ({ key }) => {
    resolveLocalhostNames()
    const { whole } = rgwOrigin(gateway(), { endpoint: gateway().virtualHostEndpoint, forcePathStyle: false })

    expect(await whole(key)).toMatchObject({ status: 200, bytes: Buffer.from(key) })
  })

  test('a key prefix is put in front of the name as it is', async () => {
    expect(await rgwOrigin(gateway(), { keyPrefix: 'odd/a%2' }).whole('Fb')).toMatchObject({
      status: 200,
      bytes: Buffer.from('odd/a%2Fb'),
    })
    expect((await rgwOrigin(gateway(), { keyPrefix: '/' }).whole('odd/a')).bytes).toEqual(Buffer.from('/odd/a'))
  })

  test('names with dot-segments are names like others', async () => {
    for (const key of ['dots/../a', 'dots/./a', 'dots/..', '..', '.']) {
      await put(gateway(), key, Buffer.from(key))
      expect([key, (await rgwOrigin(gateway()).whole(key)).bytes]).toEqual([key, Buffer.from(key)])
    }
  })

  test('a name that no object can have, one byte too long, is missing', async () => {
    const { fetch } = rgwOrigin(gateway())

    expect(await fetch('k'.repeat(1025))).toEqual({ status: 404, headers: {}, body: undefined })
  })
})
