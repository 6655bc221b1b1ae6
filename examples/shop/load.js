// Open-loop load on the shop: requests leave on time, whatever the answers do. k6 run -e GATEWAY=HOST:PORT -e STAGES=FILE load.js
//
// STAGES is a JSON file {"start": RATE, "stages": [{"target": RATE, "duration": "1s"}, ...]} with rates in requests per 10 s, which python -m hack.demo writes
// from the trace beside this file.
import http from 'k6/http';
import { sleep } from 'k6';

const plan = JSON.parse(open(__ENV.STAGES));

export const options = {
  scenarios: {
    shop: {
      executor: 'ramping-arrival-rate',
      startRate: plan.start,
      timeUnit: '10s',
      stages: plan.stages,
      // 39 requests a second of which each may take 1 s of spread and 5 s of time-out: no request ever waits for a free user.
      preAllocatedVUs: 240,
      maxVUs: 240,
      gracefulStop: '7s',
    },
  },
  discardResponseBodies: true,
  systemTags: ['name', 'status', 'error_code'],
};

// What customers do, in percent.
const MIX = [[50, '/browse'], [30, '/cart'], [20, '/checkout']];

export default function () {
  // k6 spaces arrivals evenly, customers do not: a random delay that does not depend on any answer makes them independent of each other.
  sleep(Math.random());
  let ticket = Math.random() * 100;
  const [, route] = MIX.find(([percent]) => (ticket -= percent) < 0);
  http.get(`http://${__ENV.GATEWAY}${route}`, { timeout: '5s', tags: { name: route } });
}
