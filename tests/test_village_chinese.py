"""The Chinese of 2,000 stories, checked against a lexicon written here, apart from the renderer's."""

import re

from lmcore import Village

STORIES = Village().stories(2000, seed=41)
# The measure words that a speaker accepts for each noun.
MEASURES = {
    "风筝": "只", "鼓": "面", "球": "个", "书": "本", "小船": "条只艘", "灯": "盏", "帽子": "顶", "铃铛": "个只",
    "笛子": "支", "蛋糕": "块个", "地图": "张幅", "绳子": "根条", "狗": "只条", "猫": "只", "鸟": "只",
    "山羊": "只头", "孩子": "个", "农夫": "位个", "面包师": "位个", "狐狸": "只", "房子": "座栋", "树": "棵",
    "花园": "个座", "墙": "堵面", "谷仓": "座个", "马车": "辆", "火车": "列", "公鸡": "只", "青蛙": "只",
    "鸭子": "只", "窗户": "扇", "院门": "扇道", "雨天": "个", "晴天": "个", "大风天": "个", "雪天": "个", "雾天": "个",
    "阴天": "个", "哈欠": "个", "气": "口",
}  # fmt: skip
MARKS = set("，。！？：、")
ENDS = {"。": ".", "！": "!", "？": "?"}
BETWEEN = {"小", "旧", "白色", "开着", "的"}  # may stand between a measure word and its noun


def test_every_counted_noun_has_its_measure_word():
    seen = set()
    for story in STORIES:
        words = story.chinese_words.split()
        for i, word in enumerate(words):
            if word in {"一", "那", "这", "每", "两"} and words[i + 1] != "下":
                if word == "这" and words[i + 1] in MEASURES:
                    continue  # "瞧 这 雨天": pointed at, not counted
                at = i + 2
                while words[at] in BETWEEN:
                    at += 1
                assert words[at] in MEASURES, words[i : at + 1]
                assert words[i + 1] in MEASURES[words[at]], words[i : at + 1]
                seen.add(words[at])
            elif word == "那些":
                assert words[i + 1] in MEASURES
                seen.add(words[i + 1])
    assert len(seen) >= 35


def test_beings_and_spots_are_always_pointed_at_with_number():
    for story in STORIES:
        words = story.chinese_words.split()
        being = {"狗", "猫", "鸟", "山羊", "孩子", "农夫", "面包师", "狐狸", "房子", "树", "花园", "墙", "谷仓", "马车"}
        found = [(words[i - 2], words[i - 1]) for i, word in enumerate(words) if word in being]
        numbers = ["many" if one == "那些" else "one" for _, one in found]
        assert all(measure == "那些" or before == "那" for before, measure in found)
        expected = [number for frame in story.frames for part in frame.parts for number in in_numbers(part)]
        assert sorted(numbers) == sorted(expected)


def in_numbers(part):
    if part.number is None or part.role == "action":
        return []
    return [part.number] + [number for modifier in part.modifiers for number in in_numbers(modifier.noun)]


def test_two_before_a_measure_word_is_liang():
    text = " ".join(story.chinese_words for story in STORIES)
    assert " 两 下 " in text and "二" not in text


def test_the_text_for_people_is_chinese_alone():
    for story in STORIES:
        assert story.chinese == story.chinese_words.replace(" ", "")
        assert all("\u4e00" <= letter <= "\u9fff" or letter in MARKS for letter in story.chinese), story.chinese
        assert not re.search(r"的的|、、|了了|，。", story.chinese)
        assert story.chinese_words == " ".join(story.chinese_words.split())


def test_each_sentence_is_translated_in_order():
    for story in STORIES:
        ends = [word for word in story.words if word in {".", "!", "?"}]
        assert [ENDS[word] for word in story.chinese_words.split() if word in ENDS] == ends, story.chinese
        names = {
            "mia": "米娅", "leo": "雷欧", "ada": "艾达", "tom": "汤姆", "eva": "伊娃", "max": "马克斯", "zoe": "佐伊",
            "ben": "本恩",
        }  # fmt: skip
        english = sorted(names[word.removesuffix("'s")] for word in story.words if word.removesuffix("'s") in names)
        assert sorted(word for word in story.chinese_words.split() if word in names.values()) == english


def test_a_story_in_chinese():
    story = Village().read(
        "good morning ! it is a rainy market day . here is ada's lamp and here is zoe's kite . nobody is grumpy . "
        "tom hides ada's lamp in the park . ding dong , the old clock strikes two . "
        "the goats near the trees that the farmer sees sleep again ."
    )
    assert story.chinese == (
        "早上好！今天是个雨天的赶集日。这里有艾达的一盏灯和佐伊的一只风筝。没有人闹脾气。汤姆把艾达的灯藏在公园里。"
        "叮咚，老钟敲了两下。那些树附近的、那位农夫看见的那些山羊又在睡觉。"
    )
