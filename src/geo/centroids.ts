/**
 * One point per country, for when a country is all that is known of a client (`country_centroid` in `Location.assumed`).
 *
 * The points stand where the country's people are rather than in the middle of its land, since what matters is which PoP
 * most of them would reach: Russia's is near the Volga, Australia's in New South Wales. Those of small places are the
 * main town. Written for this project from general knowledge, to half a degree or so; the tests hold each against the
 * outline of its country and against the PoPs that the country has.
 *
 * A country alone cannot tell western from eastern North America: the points of the United States (its median centre of
 * population, in Indiana) and of Canada (between Toronto and Montreal) lie in ENAM, the default region of both.
 */
import type { CountryCode } from '../core/ids.ts';

/** Country, latitude and longitude in decimal degrees; blank-separated, one continent after the other. */
const TABLE = `
AD 42.5 1.5    AL 41.2 19.9   AT 48.0 15.3   AX 60.2 20.0   BA 44.2 17.9   BE 50.8 4.5    BG 42.7 24.5   BY 53.8 27.8
CH 47.1 8.0    CY 35.0 33.2   CZ 49.8 15.5   DE 50.9 9.8    DK 55.8 11.2   EE 59.0 25.5   ES 40.2 -3.2   FI 61.5 25.0
FO 62.0 -6.8   FR 47.0 2.5    GB 52.6 -1.5   GG 49.5 -2.6   GI 36.1 -5.3   GR 38.6 23.2   HR 45.4 16.3   HU 47.3 19.3
IE 53.2 -7.2   IM 54.2 -4.5   IS 64.2 -21.4  IT 43.0 12.0   JE 49.2 -2.1   LI 47.2 9.5    LT 55.2 24.0   LU 49.7 6.1
LV 56.9 24.3   MC 43.7 7.4    MD 47.1 28.7   ME 42.5 19.3   MK 41.8 21.5   MT 35.9 14.4   NL 52.1 5.2    NO 60.5 10.0
PL 51.9 19.4   PT 40.0 -8.5   RO 45.8 25.3   RS 44.4 20.6   RU 55.5 48.0   SE 59.0 15.5   SI 46.1 14.8   SJ 78.2 15.6
SK 48.7 19.3   SM 43.9 12.5   TR 39.5 33.0   UA 49.3 31.5   VA 41.9 12.5   XK 42.6 20.9

AE 24.9 55.0   AF 34.5 67.5   AM 40.2 44.6   AZ 40.4 48.5   BD 23.8 90.3   BH 26.1 50.5   BN 4.9 114.9   BT 27.4 90.0
CC -12.2 96.8  CN 32.5 113.5  CX -10.4 105.7 GE 42.0 43.5   HK 22.3 114.2  ID -6.5 109.5  IL 31.9 34.9   IN 23.0 80.0
IO -7.3 72.4   IQ 33.2 44.3   IR 34.3 51.5   JO 31.9 36.0   JP 35.6 137.5  KG 42.0 74.0   KH 11.9 105.0  KP 39.4 126.3
KR 36.5 127.5  KW 29.3 47.8   KZ 47.5 71.5   LA 18.0 103.0  LB 33.8 35.6   LK 7.1 80.3    MM 19.5 96.0   MN 47.8 106.5
MO 22.2 113.5  MV 4.2 73.5    MY 3.5 102.2   NP 27.7 85.0   OM 23.3 57.8   PH 13.0 122.0  PK 30.5 72.0   PS 31.9 35.2
QA 25.3 51.4   SA 24.3 44.5   SG 1.35 103.8  SY 34.8 37.0   TH 14.5 100.8  TJ 38.5 69.2   TL -8.7 125.8  TM 38.5 58.8
TW 24.2 120.8  UZ 40.5 67.0   VN 15.5 107.8  YE 14.6 44.5

AO -10.5 15.0  BF 12.3 -1.5   BI -3.3 29.8   BJ 7.2 2.3     BW -23.5 26.3  CD -4.3 22.5   CF 5.0 18.8    CG -3.8 14.5
CI 6.3 -5.3    CM 4.7 11.2    CV 15.0 -23.6  DJ 11.6 43.0   DZ 35.8 3.2    EG 29.6 31.1   EH 25.7 -14.2  ER 15.2 38.9
ET 9.1 39.0    GA 0.0 10.5    GH 6.5 -1.2    GM 13.4 -16.4  GN 10.3 -11.8  GQ 1.9 10.0    GW 11.9 -15.4  KE -0.5 36.8
KM -11.8 43.4  LR 6.5 -10.4   LS -29.5 27.8  LY 32.0 15.3   MA 33.2 -6.9   MG -19.2 47.2  ML 13.2 -6.5   MR 17.8 -14.3
MU -20.3 57.5  MW -14.0 34.5  MZ -17.5 36.5  NA -20.0 16.5  NE 13.6 6.0    NG 8.8 6.8     RE -21.1 55.5  RW -1.9 30.0
SC -4.6 55.5   SD 14.4 32.2   SH -16.0 -5.7  SL 8.4 -12.2   SN 14.5 -16.2  SO 3.5 45.2    SS 7.0 30.5    ST 0.3 6.7
SZ -26.4 31.4  TD 11.5 16.5   TG 7.2 1.1     TN 35.8 10.0   TZ -5.8 35.8   UG 0.8 32.4    YT -12.8 45.1  ZA -27.5 28.0
ZM -13.8 28.5  ZW -18.6 30.6

AG 17.1 -61.8  AI 18.2 -63.1  AR -33.0 -61.0 AW 12.5 -70.0  BB 13.1 -59.6  BL 17.9 -62.8  BM 32.3 -64.8  BO -17.2 -65.8
BQ 12.2 -68.3  BR -17.0 -45.5 BS 25.0 -77.4  BZ 17.4 -88.5  CA 44.9 -76.5  CL -33.8 -71.0 CO 5.5 -74.6   CR 9.9 -84.1
CU 22.2 -79.8  CW 12.2 -69.0  DM 15.4 -61.4  DO 18.8 -70.2  EC -1.3 -79.2  FK -51.7 -58.5 GD 12.1 -61.7  GF 4.8 -52.7
GL 64.2 -51.0  GP 16.2 -61.5  GT 14.8 -90.8  GY 6.6 -58.2   HN 14.8 -87.2  HT 18.9 -72.5  JM 18.1 -77.0  KN 17.3 -62.7
KY 19.3 -81.3  LC 13.9 -61.0  MF 18.1 -63.1  MQ 14.6 -61.0  MS 16.8 -62.2  MX 20.5 -100.0 NI 12.5 -86.0  PA 8.9 -79.8
PE -10.0 -76.5 PM 46.8 -56.2  PR 18.3 -66.3  PY -25.2 -57.0 SR 5.7 -55.2   SV 13.7 -89.0  SX 18.05 -63.05 TC 21.8 -72.2
TT 10.5 -61.3  US 38.5 -87.0  UY -34.3 -56.0 VC 13.2 -61.2  VE 9.6 -68.0   VG 18.4 -64.6  VI 18.0 -64.8

AQ -77.85 166.7 AS -14.3 -170.7 AU -33.5 146.5 BV -54.4 3.4  CK -21.2 -159.8 FJ -17.9 178.2 FM 6.9 158.2  GS -54.3 -36.5
GU 13.5 144.8  HM -53.1 73.5  KI 1.4 173.0   MH 7.1 171.3   MP 15.2 145.7  NC -22.2 166.4 NF -29.0 168.0 NR -0.5 166.9
NU -19.1 -169.9 NZ -39.5 175.5 PF -17.6 -149.5 PG -6.0 145.5 PN -25.1 -130.1 PW 7.4 134.5 SB -9.4 160.0  TF -49.35 70.2
TK -9.2 -171.8 TO -21.2 -175.2 TV -8.5 179.2 UM 19.3 166.6  VU -17.0 168.2 WF -13.3 -176.2 WS -13.8 -172.0
`;

export interface Point {
  /** Decimal degrees, north and east positive. */
  readonly latitude: number;
  readonly longitude: number;
}

export const CENTROIDS: ReadonlyMap<CountryCode, Point> = (() => {
  const words = TABLE.trim().split(/\s+/);
  const points = new Map<CountryCode, Point>();
  for (let i = 0; i + 2 < words.length; i += 3) {
    points.set(words[i] as CountryCode, { latitude: Number(words[i + 1]), longitude: Number(words[i + 2]) });
  }
  return points;
})();
