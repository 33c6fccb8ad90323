// Hats, capes and tools live here, because a silhouette tells residents apart before their colours do; bodies do not.

import type { Bitmap } from "./bitmap";
import { GOLD, GREY, OUTLINE, PURPLE, RED, STONE, WOOD } from "./palette";

/** Something worn or held: strokes at the corner (x, y) of the 16 by 20 body. */
export interface Wear {
  readonly head: (b: Bitmap, x: number, y: number) => void;
  readonly behind?: (b: Bitmap, x: number, y: number) => void;
  readonly body?: (b: Bitmap, x: number, y: number, back: boolean) => void;
  readonly hand?: (b: Bitmap, x: number, y: number) => void;
  /** Not to be seen from behind. */
  readonly faceOnly?: boolean;
}

const K = { k: OUTLINE };
const nothing = (): void => undefined;

const crown: Wear = {
  head: (b, x, y) => b.rows(x + 3, y - 2, ["k.k..k..k.", "yk.kyk.kyk", "kykyYykyyk", "kyyyyyyyyk", "kYrYbYrYbk", ".kkkkkkkk."], { ...K, y: GOLD[2], Y: GOLD[1], r: 0xd9453a, b: 0x3566b3 }),
  behind: (b, x, y) => b.rows(x - 1, y + 12, ["...kkkkkkkkkk...", "..krrrrrrrrrrk..", "..krRrrrrrrRrk..", ".krrRrrrrrrRrrk.", ".krrRrrrrrrRrrk.", ".krrRrrrrrrRrrk.", ".kRRRRRRRRRRRRk."], { ...K, r: RED[2], R: RED[1] }),
  body: (b, x, y, back) => (back ? b.rows(x + 3, y + 13, ["krrrrrrrrk", "krRrrrrRrk", "krRrrrrRrk", "krRrrrrRrk"], { ...K, r: RED[2], R: RED[1] }) : b.rows(x + 4, y + 13, ["rr.yy.rr"], { r: RED[2], y: GOLD[2] })),
};
const wizard: Wear = {
  head: (b, x, y) => b.rows(x - 1, y - 7, [".......y..........", "......yYy.........", ".....kkyk.........", "......kvvk........", ".....kvvvvk.......", ".....kvyvvk.......", "....kvvvvvvk......", "....kvVvvvyvk.....", "...kvvVvvvvvvk....", "..kkVVVVVVVVVkk...", ".kvvvvvvvvvvvvvvk.", "..kkkkkkkkkkkkkk.."], { ...K, v: PURPLE[2], V: PURPLE[0], y: GOLD[2], Y: GOLD[3] }),
  hand: (b, x, y) => b.rows(x - 2, y + 8, [".kkk.", "ktTtk", "ktttk", ".kwk.", ".kwk.", ".kwk.", ".kwk.", ".kwk.", ".kwk.", ".kwk.", ".kkk."], { ...K, t: 0x4be0b8, T: 0xd6fff2, w: WOOD[2] }),
};
const glasses: Wear = {
  faceOnly: true,
  head: (b, x, y) => b.rows(x + 4, y + 7, [".kkk.kkk.", "kgGkkgGkk", "kgekkgekk", ".kkk.kkk."], { k: 0x2a2a3a, g: 0xd8f2ff, G: 0xffffff, e: 0x2a1a18 }),
  hand: (b, x, y) => b.rows(x - 2, y + 13, ["kkkkkkkk", "kbwwkwbk", "kbwwkwbk", "kbwwkwbk", "kbbbkbbk", "kkkkkkkk"], { ...K, b: 0x3566b3, w: 0xfdf6e3 }),
};
const beret: Wear = {
  head: (b, x, y) => b.rows(x + 1, y - 1, [".......kk.....", "...kkkkrkkk...", "..krRrrrrrrkk.", ".krRrrrrrrrrrk", ".krrrrrrrrrrrk", "..kkDDDDDDkkk."], { ...K, r: 0xe0446f, R: 0xff8fae, D: 0x9c2a4c }),
  hand: (b, x, y) => b.rows(x + 13, y + 6, ["..kk.", ".kttk", ".kttk", ".kyyk", ".kwk.", ".kwk.", ".kwk.", ".kwk.", "..k.."], { ...K, t: 0x74c8ff, y: GOLD[1], w: WOOD[3] }),
  body: (b, x, y, back) => (back ? undefined : b.rows(x + 6, y + 13, ["wwww", ".ww."], { w: 0xfff3d6 })),
};
const topHat: Wear = {
  head: (b, x, y) => {
    b.rows(x + 2, y - 7, ["..kkkkkkkk..", "..kbBbbbbk..", "..kbBbbbbk..", "..kbBbbbbk..", "..kbBbbbbk..", "..kpppppPk..", "..kpppppPk..", "kkbbbbbbbbkk", "kbBbbbbbbbbk", ".kkkkkkkkkk."], { ...K, b: 0x2b2740, B: 0x55507a, p: PURPLE[3], P: PURPLE[2] });
  },
  hand: (b, x, y) => b.rows(x + 11, y + 13, ["..kk...", ".kyyk..", "kyYGyk.", "kyGYyk.", ".kyyk..", "..kk..."], { ...K, y: GOLD[2], Y: GOLD[3], G: GOLD[0] }),
};
const monocle: Wear = { faceOnly: true, head: (b, x, y) => b.rows(x + 8, y + 7, [".ggg.", "gW.wg", "gw.wg", ".ggg.", "...g.", "...g."], { g: GOLD[2], W: 0xffffff, w: 0xe6f4ff }) };
const helmet: Wear = {
  head: (b, x, y) => b.rows(x + 2, y - 1, [".....kk.....", "....krrk....", "..kkkrrkkk..", ".kgGggggggk.", "kgGgggggggSk", "kgGgggggggSk", "kSSSSSSSSSSk", "kgk.kgk..kgk"], { ...K, g: STONE[2], G: 0xe6ebf2, S: STONE[0], r: RED[2] }),
  hand: (b, x, y) => b.rows(x - 3, y + 11, ["kkkkkkkkk", "kbbbybbBk", "kbbbybbBk", "kyyyyyyyk", "kbbbybbBk", "kbbbybbBk", ".kbbybBk.", "..kkykk..", "....k...."], { ...K, b: 0x3566b3, B: 0x1d3369, y: GOLD[2] }),
};
const goggles: Wear = {
  head: (b, x, y) => b.rows(x + 2, y + 3, [".kkkkkkkkkk.", "kkgGgkkgGgkk", "krgggkkgggrk", ".kkkkkkkkkk."], { ...K, g: 0x4be08a, G: 0xd9ffe6, r: 0x55606e }),
  hand: (b, x, y) => b.rows(x + 12, y + 9, [".kkk..", "..w...", ".kwk..", ".kwk..", "kwwwk.", "kgGgk.", "kgggk.", ".kkk.."], { ...K, w: 0xe9f7f2, g: 0x4be08a, G: 0xc6ffd9 }),
  body: (b, x, y, back) => b.rows(x + 3, y + 13, back ? ["kwwwwwwwwk", "kwWwwwwWwk", "kwWwwwwWwk", ".wwwwwwww.", ".kwwwwwwk."] : ["..wwgGwww.", ".wWwwGwWw.", ".wWwwGwWw.", "..wwwGwww.", "..wwkkwww."], { ...K, w: 0xf4f6f8, W: 0xc9cfd8, g: 0x9fd8b4, G: 0xaab2bf }),
};
const spikes: Wear = {
  head: (b, x, y) => b.rows(x + 1, y - 4, ["...k...k...k..", "..kok.kok.kok.", "..koOkkookkook", "k.kOOOkOokoOk.", "okkOYOOOYOOOk.", "kokOYYOYYOYOkk", ".kOOYYYYYYYOk."], { ...K, o: 0xe2571f, O: 0xff8a2a, Y: 0xffd23f }),
  hand: (b, x, y) => b.rows(x + 12, y + 6, ["..kkk", ".kyyk", ".kyk.", "kyyk.", "kyyyk", ".kyyk", ".kyk.", "kyk..", "kk..."], { ...K, y: 0xffe14f }),
  faceOnly: false,
};
const wildEyes: Wear = { faceOnly: true, head: (b, x, y) => b.rows(x + 5, y + 7, ["www.www", "wrw.wrw", "www.www"], { w: 0xffffff, r: 0xd9303a }) };
const hardHat: Wear = {
  head: (b, x, y) => b.rows(x + 1, y - 1, ["....kkkkkk....", "...kyYkyyyk...", "..kyYYkyyyyk..", "..kyYykyyyyk..", ".kyyyykyyyyyk.", "kkyyyyyyyyyykk", "kgggggggggggGk", ".kkkkkkkkkkkk."], { ...K, y: 0xffc928, Y: 0xfff0a0, g: 0xe0a020, G: 0xb5801a }),
  hand: (b, x, y) => b.rows(x + 11, y + 8, [".kkkkkk", "kgGgggk", "kggggSk", ".kkwkk.", "..kwk..", "..kwk..", "..kwk..", "..kwk..", "...k..."], { ...K, g: STONE[2], G: 0xe6ebf2, S: STONE[0], w: WOOD[3] }),
};

const plain = (rows: readonly string[], up: number, colours: Record<string, number>, hand?: Wear["hand"]): Wear => {
  const wear = { head: (b: Bitmap, x: number, y: number): void => void b.rows(x + 1, y - up, rows, { ...K, ...colours }) };
  return hand ? { ...wear, hand } : wear;
};

/** What residents wear whom the design does not name: a hash picks one. */
export const HATS: readonly Wear[] = [
  plain(["...kkkkkkk....", "..kaAaaaaak...", ".kaAaaaaaaak..", ".kaaaaaaaaakkk", ".kDDDDDDDDDDDk", "..kkkkkkkkkkk."], -1, { a: 0x3f7fd0, A: 0x8fbcf2, D: 0x274f8c }),
  plain(["....kkkkkk....", "...kyYyyyyk...", "...kyYyyyyk...", "...krrrrrrk...", "kkkyyyyyyyykkk", "kyYyyyyyyyyyyk", ".kkkkkkkkkkkk."], 1, { y: 0xd9b36a, Y: 0xf2d899, r: 0xb8443a }),
  plain(["......ww......", ".....kwwk.....", "...kkaAaakk...", "..kaAaaaaaak..", "..kAaaaaaaak..", "..kwwwwwwwwk..", "...kkkkkkkk..."], 1, { a: 0xd2504a, A: 0xf08f80, w: 0xf4ead6 }),
  plain(["..........kk..", ".........kllk.", "...kk...klLk..", "..kllkkklLk...", "...klLlLLk....", "....kkLlk.....", ".....kkk......"], 1, { l: 0x6cb64f, L: 0x3d8a49 }),
  plain(["..kkkkkkkkkk..", "..kaAaaaaaakkk", "..kaaaaaaaaaak", "...kkkkkkkkkak", "............kk"], -2, { a: 0x8662c0, A: 0xbda4ff }),
  plain(["...........k..", "..........krk.", "...kkkkkkkrRk.", "..kggggggkrk..", ".kgGgggggggk..", ".kgGggggggDk..", ".kDDDDDDDDDk..", "..kkkkkkkkk..."], 1, { g: 0x3d9460, G: 0x8ccf9d, D: 0x245f3c, r: 0xe2574c, R: 0xff9d8f }),
  plain([".....pp.pp....", "....ppppppp...", ".....pyyp.....", "....pppppp.kk.", "..kkkpkkpkk..."], 0, { p: 0xff9db0, y: GOLD[2] }),
  plain(["....kkkkkk....", "..kkggggggkk..", ".kgGggkkgggDk.", "kgGggkwwkggDk.", "kgggggkkgggDk.", ".kkkkkkkkkkk.."], 0, { g: GREY[1], G: GREY[3], D: GREY[0], w: 0xffe9a0 }, (b, x, y) => b.rows(x + 12, y + 11, [".kkk.", "kyYyk", "kyYyk", ".kkk."], { ...K, y: GOLD[2], Y: GOLD[3] })),
];

interface Named {
  readonly fur: readonly [number, number, number];
  readonly cloth: readonly [number, number];
  readonly trousers?: number;
  readonly wear: readonly Wear[];
  readonly mark: number;
}

const BROWN = [0x8a5a35, 0xab7648, 0x6b4326] as const;
const DARK = [0x5a3b2a, 0x77523b, 0x442a1d] as const;
const TAN = [0xa9794a, 0xc99a66, 0x85592f] as const;
const ASH = [0x6f6a72, 0x918c94, 0x524d57] as const;

/** The nine that the design names. */
export const NAMED: Readonly<Record<string, Named>> = {
  founderai: { fur: BROWN, cloth: [0x1fa894, 0x147c74], wear: [crown], mark: 0x1fa894 },
  chaosarchitect: { fur: DARK, cloth: [0x5f3f96, 0x47307a], wear: [wizard], mark: 0x8662c0 },
  simianresearcher: { fur: TAN, cloth: [0xc98a3a, 0x9a6428], trousers: 0x5a4a3a, wear: [glasses, { head: nothing, body: (b, x, y, back) => (back ? undefined : b.rows(x + 6, y + 13, ["wrrw", ".rr.", ".rr."], { w: 0xfdf6e3, r: 0xa83a3a })) }], mark: 0x74c8ff },
  primatedesigner: { fur: TAN, cloth: [0xf2a7c0, 0xdc5f92], trousers: 0x6a4a7a, wear: [beret], mark: 0xf58fb4 },
  bananaeconomist: { fur: DARK, cloth: [0x3a3358, 0x2b2740], wear: [topHat, monocle, { head: nothing, body: (b, x, y, back) => (back ? undefined : b.rows(x + 6, y + 13, ["wpPw", ".ww.", ".ww."], { w: 0xf7f4ea, p: 0xd9453a, P: 0x9c2a2a })) }], mark: 0xffd23f },
  junglesecurity: { fur: ASH, cloth: [0x3566b3, 0x29498c], wear: [helmet], mark: 0x5f93d8 },
  chaostester: { fur: BROWN, cloth: [0xf4f6f8, 0xc9cfd8], trousers: 0x3d9460, wear: [goggles], mark: 0x6bbd80 },
  madchimp: { fur: [0x7a3428, 0xa34a36, 0x57231c], cloth: [0x2b2740, 0xe2571f], trousers: 0x8a2a1a, wear: [spikes, wildEyes], mark: 0xff8a2a },
  monkeybuilder: { fur: BROWN, cloth: [0x3f7fd0, 0x2d5fa3], trousers: 0x2d5fa3, wear: [hardHat, { head: nothing, body: (b, x, y, back) => (back ? undefined : b.rows(x + 4, y + 13, ["o.oooo.o", ".booooB."], { o: 0xf2c15a, b: 0x3f7fd0, B: 0x2d5fa3 })) }], mark: 0xffc928 },
};
