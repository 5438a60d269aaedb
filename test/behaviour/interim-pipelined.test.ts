/** Interim answers to a request behind another one on the same connection never get into the middle of an answer. */
import { expect, test } from 'vitest'
import { startHttpShield } from '../support/http-shield.ts'
import { gate } from '../support/http-socket-server.ts'
import { hasAnswers, openRaw, parseAnswers } from '../support/shield.ts'

for (const passesThrough of [false, true]) {
  test(`${passesThrough ? 'passed through' : 'fetched'}: both answers arrive whole, in their order`, async () => {
    const { origin, port } = await startHttpShield({ passesThrough })
    const [isHinted, isAnswered] = [gate(), gate()]
    origin.on('/first', async (exchange) => {
      await exchange.head(200, { 'Content-Length': '4' })
      await exchange.write('ab')
      await isHinted.opened
      await exchange.write('cd')
    })
    origin.on('/second', async (exchange) => {
      await exchange.interim(103, { Link: '</style.css>' })
      await isAnswered.opened
      await exchange.send({ body: 'second' })
    })
    const raw = await openRaw(port)
    raw.write('GET /first HTTP/1.1\r\nHost: h\r\n\r\nGET /second HTTP/1.1\r\nHost: h\r\n\r\n')
    await origin.received(2)
    await raw.until((received) => received.includes('ab'))
    isAnswered.open()
    isHinted.open()
    const answers = parseAnswers(await raw.until(hasAnswers(2)))
    expect(answers.map(({ status, body }) => [status, body.toString()])).toEqual([
      [200, 'abcd'],
      [200, 'second'],
    ])
    raw.leave()
  })
}
