"""The stories in Chinese: one template for each kind of frame, with the measure word of each noun.

What modifies stands before its noun; number shows in 那 只 狗 (that dog) and 那些 狗 (those dogs); two of anything is
两.
"""

from collections.abc import Sequence

from lmcore.village.frames import Frame, Modifier, Part

NAMES = {
    "mia": "米娅", "leo": "雷欧", "ada": "艾达", "tom": "汤姆", "eva": "伊娃", "max": "马克斯", "zoe": "佐伊",
    "ben": "本恩",
}  # fmt: skip
# (measure word, noun)
NOUNS = {
    "kite": ("只", "风筝"), "drum": ("面", "鼓"), "ball": ("个", "球"), "book": ("本", "书"), "boat": ("条", "小船"),
    "lamp": ("盏", "灯"), "hat": ("顶", "帽子"), "bell": ("个", "铃铛"), "flute": ("支", "笛子"),
    "cake": ("块", "蛋糕"), "map": ("张", "地图"), "rope": ("根", "绳子"),
    "dog": ("只", "狗"), "cat": ("只", "猫"), "bird": ("只", "鸟"), "goat": ("只", "山羊"), "child": ("个", "孩子"),
    "farmer": ("位", "农夫"), "baker": ("位", "面包师"), "fox": ("只", "狐狸"),
    "house": ("座", "房子"), "tree": ("棵", "树"), "garden": ("个", "花园"), "wall": ("堵", "墙"),
    "barn": ("座", "谷仓"), "cart": ("辆", "马车"),
    "train": ("列", "火车"), "rooster": ("只", "公鸡"), "frog": ("只", "青蛙"), "duck": ("只", "鸭子"),
    "window": ("扇", "窗户"), "gate": ("扇", "院门"),
}  # fmt: skip
WEATHERS = {"sunny": "晴天", "rainy": "雨天", "windy": "大风天", "snowy": "雪天", "foggy": "雾天", "cloudy": "阴天"}
LOOKS = {"big": "大", "small": "小", "beautiful": "漂亮"}
TOPICS = {"market": "赶集日", "washing": "洗衣日", "painting": "画画日", "hide-and-seek": "捉迷藏日"}
FEELINGS = {"happy": ("很 高兴", "高兴"), "grumpy": ("在 闹脾气", "闹脾气")}  # after "everyone", after "nobody"
PLACES = {
    "in the park": "公园 里", "in the square": "广场 上", "in the kitchen": "厨房 里", "at the market": "集市 上",
    "at the mill": "磨坊 里", "on the hill": "山 上", "on the roof": "屋顶 上", "under the bridge": "桥 下",
    "under the oak": "橡树 下", "at the bridge": "桥 边", "at the oak": "橡树 旁",
}  # fmt: skip
DOES = {
    "sleep": "睡觉", "wait": "等待", "play": "玩耍", "run": "奔跑", "dance": "跳舞", "jump": "蹦跳", "rest": "休息",
    "sing": "唱歌",
}  # fmt: skip
SEES = {"see": "看见", "hear": "听见", "like": "喜欢", "know": "认识", "follow": "跟着", "chase": "追赶"}
PREPOSITIONS = {"near": "附近", "behind": "后面", "beside": "旁边", "by": "边上"}
HOURS = {"two": "两", "three": "三", "four": "四", "five": "五", "six": "六", "seven": "七"}
DISHES = {"bread": "面包 和 黄油", "tea": "茶 和 蜂蜜", "soup": "汤 和 米饭", "pie": "馅饼 和 奶油"}
SAYS = {"says": "说", "laughs": "笑 着 说", "sings": "唱 道", "sighs": "叹 道", "yawns": "打 着 哈欠 说"}
SHAPES = {"small": "小", "white": "白色 的", "old": "旧", "open": "开着 的"}


def counted(noun: str, number: str = "one") -> str:
    """ "那 只 狗" or "那些 狗" """
    measure, word = NOUNS[noun]
    return f"那些 {word}" if number == "many" else f"那 {measure} {word}"


def one(noun: str, shape: str = "") -> str:
    """ "一 扇 小 窗户" """
    measure, word = NOUNS[noun]
    return " ".join(filter(None, ("一", measure, shape, word)))


def thing_of(frame: Frame) -> str:
    """ "米娅 的 灯" """
    return f"{NAMES[frame.value('owner')]} 的 {NOUNS[frame.value('thing')][1]}"


def noun_phrase(part: Part) -> str:
    """A being or spot after its modifiers, places first: "那 座 谷仓 附近 、 那 位 农夫 认识 的 那些 狗"."""
    ordered = sorted(part.modifiers, key=_is_clause)
    modifiers = [f"{_modifier(modifier)} 的" for modifier in ordered]
    return " ".join(filter(None, (" 、 ".join(modifiers), counted(part.value, part.number))))


def _is_clause(modifier: Modifier) -> bool:
    return modifier.verb is not None


def _modifier(modifier: Modifier) -> str:
    other = noun_phrase(modifier.noun)
    if modifier.verb is None:
        return f"{other} {PREPOSITIONS[modifier.kind]}"
    verb = SEES[modifier.verb.value]
    return f"{verb} {other}" if modifier.kind == "who" else f"{other} {verb}"


def _opening(frame: Frame) -> str:
    weather, topic = WEATHERS[frame.value("weather")], TOPICS[frame.value("topic")]
    return {
        "it": f"村里 今天 是 {topic} ， 是 个 {weather} 。",
        "one": f"{weather} 的 {topic} 到 了 ， 村子 醒 了 。",
        "once": f"从前 有 一 个 {weather} 的 {topic} ， 老 公鸡 打鸣 了 。",
        "on": f"{weather} 的 {topic} 到 了 ， 每 扇 窗户 都 打开 了 。",
        "good": f"早上 好 ！ 今天 是 个 {weather} 的 {topic} 。",
    }[frame.form]


def _echo(frame: Frame) -> str:
    weather = WEATHERS[frame.value("weather")]
    return {
        "what": f"好 一 个 {weather} 的 早晨 ！",
        "such": f"真 是 个 {weather} 啊 ！",
        "how": f"瞧 这 {weather} ！",
        "outside": f"外面 是 个 {weather} 。",
        "is": f"今天 还 是 {weather} 。",
        "stays": f"今天 一直 是 {weather} 。",
    }[frame.form]


def _facts(frame: Frame) -> str:
    owners = [NAMES[part.value] for part in frame.parts if part.role == "owner"]
    things = [NOUNS[part.value] for part in frame.parts if part.role == "thing"]
    if frame.form == "here":
        facts = [f"{owner} 的 一 {measure} {noun}" for owner, (measure, noun) in zip(owners, things, strict=True)]
        listed = " 、 ".join(facts[:-1]) + " 和 " + facts[-1] if len(facts) > 1 else facts[0]
        return f"这里 有 {listed} 。"
    facts = [f"这 {measure} {noun} 是 {owner} 的" for owner, (measure, noun) in zip(owners, things, strict=True)]
    return f"{'看 ， ' if frame.form == 'look' else ''}{' ， '.join(facts)} 。"


def _feeling(frame: Frame) -> str:
    everyone, nobody = FEELINGS[frame.value("feeling")]
    return f"大家 都 {everyone} 。" if frame.form == "everyone" else f"没有 人 {nobody} 。"


def _gesture(frame: Frame) -> str:
    actor, other, quietly = NAMES[frame.value("actor")], frame.value("other"), frame.get("manner") is not None
    if frame.form == "smiles":
        return f"{actor} 对 {NAMES[other]} 微笑 。" if other else f"{actor} 微笑 着 。"
    if frame.form == "laughs":
        return f"{actor} 和 {NAMES[other]} 一起 哈哈大笑 。" if other else f"{actor} 哈哈大笑 。"
    return f"{actor} {'轻轻地 ' if quietly else ''}{'打 了 个 哈欠' if frame.form == 'yawns' else '叹 了 口 气'} 。"


def _deed(frame: Frame) -> str:
    actor, thing, place = NAMES[frame.value("actor")], thing_of(frame), PLACES.get(frame.value("place"))
    if frame.form == "hides":
        return f"{actor} 把 {thing} 藏 {f'在 {place}' if place else '了 起来'} 。"
    if frame.form == "drops":
        return f"{actor} 把 {thing} 掉 在 {place or '地 上'} 。"
    if frame.form == "carries":
        return f"{actor} 把 {thing} 拿 {f'到 {place}' if place else '走 了'} 。"
    if frame.form == "finds":
        return f"{actor} 找到 了 {thing} 。"
    if frame.form == "asks":
        return f"{actor} 问 ： {thing} 在 哪里 ？"
    at = f"在 {place} " if place else ""
    if frame.form == "cleans":
        return f"{actor} {at}把 {thing} 擦 干净 了 。"
    return f"{actor} {at}给 {thing} 涂 了 颜色 。"


def _state(frame: Frame) -> str:
    if frame.form == "place":
        return f"{thing_of(frame)} 在 {PLACES[frame.value('place')]} 。"
    what = "还 在 那里" if frame.form == "still" else f"很 {LOOKS[frame.value('quality')]}"
    return f"{thing_of(frame)} {what} 。"


def _being(frame: Frame) -> str:
    action = DOES[frame.value("action")]
    done = {
        None: f"在 {action}", "again": f"又 在 {action}", "quietly": f"在 静静地 {action}",
        "all day": f"整天 都 在 {action}", "happily": f"在 快乐地 {action}", "alone": f"独自 在 {action}",
    }[frame.value("manner")]  # fmt: skip
    return f"{noun_phrase(frame.get('actor'))} {done} 。"


def _filler(frame: Frame) -> str:
    details = [part.value for part in frame.parts]
    if frame.form == "ding":
        return f"叮咚 ， 老 钟 敲 了 {HOURS[details[0]]} 下 。"
    if frame.form == "there":
        return f"桌子 上 有 {DISHES[details[0]]} 。"
    if frame.form == "all":
        return f"突然 ， 学校 的 门 {'开' if details[0] == 'opens' else '关'} 了 。"
    if frame.form == "far":
        return f"远处 ， {one(details[0])} {'鸣笛' if details[0] == 'train' else '打鸣'} 。"
    if frame.form == "plop":
        return f"扑通 ， {one(details[0])} 跳 进 了 池塘 。"
    return f"不知 哪里 ， {one(details[2], SHAPES[details[1]])} 吱吱 响 。"


def _ending(frame: Frame) -> str:
    actor, thing = NAMES[frame.value("actor")], thing_of(frame)
    return {
        "at": f"夜里 ， {actor} 把 {thing} 放 在 床 下 。",
        "in": f"傍晚 ， {actor} 把 {thing} 带 回家 。",
        "when": f"月亮 升起 时 ， {actor} 把 {thing} 送 回家 。",
        "last": f"终于 ， {actor} 找到 了 {thing} 。",
    }[frame.form]


def _says(frame: Frame) -> str:
    weather = WEATHERS[frame.value("weather")]
    what = f"好 一 个 {weather}" if frame.form == "what" else f"真 是 个 {weather} 啊"
    return f"大家 {SAYS[frame.value('action')]} ： {what} ！"


def _closing(frame: Frame) -> str:
    return "晚安 ！" if frame.form == "good" else "村子 睡着 了 。"


_TEMPLATES = {
    "opening": _opening, "echo": _echo, "facts": _facts, "feeling": _feeling, "gesture": _gesture, "deed": _deed,
    "state": _state, "being": _being, "filler": _filler, "ending": _ending, "says": _says, "closing": _closing,
}  # fmt: skip


def words(frames: Sequence[Frame]) -> str:
    """The story in Chinese, words divided by spaces; without them it is the text for people."""
    return " ".join(_TEMPLATES[frame.kind](frame) for frame in frames)
