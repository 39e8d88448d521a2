"""The words of the demo models, in Chinese and English. They claim no knowledge, because there is none."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Wordings:
    """One language. `wishes` are the words that ask for a block of markdown, by the name of the block."""

    wishes: dict[str, tuple[str, ...]]
    blocks: dict[str, str]
    openers: tuple[str, ...]
    thoughts: tuple[str, ...]
    again: str
    closers: tuple[str, ...]
    reasoning: str
    told: str
    seen: str
    searched: str


_CODE = '''```python
def streak(days: list[bool]) -> int:
    """Count the days in a row, up to the last one."""
    length = 0
    for present in reversed(days):
        if not present:
            break
        length += 1
    return length
```'''

CHINESE = Wordings(
    wishes={
        "list": ("列", "步骤", "清单", "计划", "建议", "怎么", "如何", "list"),
        "code": ("代码", "函数", "编程", "程序", "python", "code"),
        "table": ("表格", "对比", "比较", "区别", "table"),
        "formula": ("公式", "方程", "数学", "概率", "formula"),
        "long": ("详细", "长文", "长一点", "展开", "文章", "故事"),
    },
    blocks={
        "list": (
            "可以按这个顺序来：\n\n"
            "1. **说清目标**：用一句话写下做完以后是什么样子；\n"
            "2. **找最小的一步**：今天就能做、十五分钟能做完的那一步；\n"
            "3. **约一个回头看的时间**：到点看结果，只改一处，再来一轮。"
        ),
        "code": f"下面是一小段可以直接运行的代码，数一数连续签到了多少天：\n\n{_CODE}",
        "table": (
            "三个演示模型放在一起看：\n\n"
            "| 模型 | 第一个字 | 速度 | 适合 |\n"
            "| --- | --- | ---: | --- |\n"
            "| `demo-swift` | 马上 | 很快 | 试功能 |\n"
            "| `demo-steady` | 很快 | 每秒 40 个词元 | 看打字的样子 |\n"
            "| `demo-deep` | 先想一会儿 | 每秒 60 个词元 | 看思考过程与长回答 |"
        ),
        "formula": (
            "每次中奖的概率是 \\(p\\)，抽 \\(n\\) 次至少中一次的概率是：\n\n"
            "$$P = 1 - (1 - p)^n$$\n\n"
            "取 \\(p = 0.1\\)、\\(n = 10\\)，得到 \\(P \\approx 0.651\\)：十次里有三成半的人一次也没中，这很正常。"
        ),
    },
    openers=(
        "你问的是「{topic}」。先说明白：我是 Chatloop 沙箱里的演示模型，不联网，也不懂世界上的事；"
        "这段话由你的问题推算出来，好让你看到对话、排版和计费的样子。",
        "关于「{topic}」，我没有真正的答案——我是一个演示模型，回答是算出来的，同样的问题总得到同样的话。"
        "不过下面的想法，拿来当起点还不错。",
        "「{topic}」是个好题目。这里是沙箱，回答你的是演示模型；接上真正的渠道以后，同一个位置会出现真正的答案。",
    ),
    thoughts=(
        "面对这样的问题，不妨先分清三件事：已经知道的、还不知道的、以及知道了也不会改变决定的。最后一类往往最多，放下它们，剩下的就轻了。",
        "可以把问题讲给一个外行听。讲不清的地方，就是最该先想的地方；讲得清的地方，多半已经想好了。",
        "好的回答通常不长：先给结论，再给理由，最后说明什么情况下结论会变。读的人只看第一句，也不会走错方向。",
        "如果时间只够做一件事，就做那件做完以后别的事会变容易的。它常常不是最急的那件。",
        "把期限写下来，把第一步写小，把结果给别人看一眼，大多数事情就会自己动起来。",
        "数字能帮上忙：先估一个量级，再找一个能推翻它的例子。找不到，就先照这个量级去做。",
    ),
    again="这是这段对话里你的第 {turn} 个问题，前面的内容我都收到了。",
    closers=(
        "想看别的排版，可以让我列一个清单、写一段代码、做一张表格，或者写一个公式。",
        "你也可以点「停止」试试：已经写出的部分会留下。",
        "换一个模型再问一遍，可以比较它们的快慢。",
    ),
    reasoning=(
        "先看问题：「{topic}」。我是演示模型，能做的是把排版、速度和思考过程展示清楚。"
        "打算先交代身份，再给两三点可用的想法，最后提示可以继续试什么。字数适中，语气平实。"
    ),
    told="工具返回：\n\n{results}",
    seen="我看到了 {number} 张图片：{pictures}。",
    searched="已按要求搜索「{topic}」。沙箱不联网，搜到的只有你的问题本身。",
)

ENGLISH = Wordings(
    wishes={
        "list": ("list", "steps", "plan", "tips", "how to", "how do"),
        "code": ("code", "function", "script", "python", "program"),
        "table": ("table", "compare", "comparison", "difference"),
        "formula": ("formula", "equation", "math", "probability"),
        "long": ("long", "detail", "essay", "story", "article"),
    },
    blocks={
        "list": (
            "One order that works:\n\n"
            "1. **Name the end**: one sentence that says what done looks like.\n"
            "2. **Find the smallest step**: something you can finish today in fifteen minutes.\n"
            "3. **Set a time to look back**: check the result, change one thing, go round again."
        ),
        "code": f"Here is a small piece of code that runs as it stands and counts a sign-in streak:\n\n{_CODE}",
        "table": (
            "The three demo models side by side:\n\n"
            "| Model | First word | Pace | Good for |\n"
            "| --- | --- | ---: | --- |\n"
            "| `demo-swift` | at once | very fast | trying things out |\n"
            "| `demo-steady` | soon | 40 tokens/s | seeing it type |\n"
            "| `demo-deep` | after a think | 60 tokens/s | reasoning and long answers |"
        ),
        "formula": (
            "If each draw wins with probability \\(p\\), the chance of at least one win in \\(n\\) draws is\n\n"
            "$$P = 1 - (1 - p)^n$$\n\n"
            "With \\(p = 0.1\\) and \\(n = 10\\) that is \\(P \\approx 0.651\\): "
            "one person in three wins nothing, and that is normal."
        ),
    },
    openers=(
        "You asked about “{topic}”. To be plain with you: I am the demo model of the Chatloop sandbox. I have no "
        "network and no knowledge of the world; this text is worked out from your question, so that you can see how "
        "chatting, formatting and billing behave.",
        "I have no real answer to “{topic}” — I am a demo model, and the same question always gets the same words. "
        "Still, the thoughts below are not a bad place to start.",
        "“{topic}” is a good subject. This is the sandbox, and a demo model is answering; once a real channel is "
        "connected, a real answer appears in the same place.",
    ),
    thoughts=(
        "It helps to sort things into three heaps: what you know, what you do not know, and what would not change your "
        "decision even if you knew it. The last heap is usually the largest. Put it down, and the rest gets lighter.",
        "Try explaining the question to somebody outside the field. "
        "Where the explanation stumbles is where to think first.",
        "Good answers tend to be short: the conclusion, then the reason, then what would change the conclusion. "
        "Somebody who reads only the first sentence still goes the right way.",
        "If there is time for only one thing, choose the one that makes the others easier. "
        "It is rarely the most urgent.",
        "Write the deadline down, make the first step small, show somebody the result: "
        "most things start to move by then.",
        "Numbers help. Guess an order of magnitude, then look for an example that breaks it. "
        "If none turns up, go with it.",
    ),
    again="This is your question number {turn} in this conversation; I have received everything before it.",
    closers=(
        "To see other formatting, ask me for a list, a piece of code, a table or a formula.",
        "You can also press Stop: what is written stays.",
        "Ask another model the same thing to compare their pace.",
    ),
    reasoning=(
        "The question first: “{topic}”. I am a demo model, so what I can show is formatting, pace and a train of "
        "thought. Say what I am, give two or three usable ideas, end with something to try next. "
        "Moderate length, even tone."
    ),
    told="The tools say:\n\n{results}",
    seen="Pictures that I see: {number} ({pictures}).",
    searched="Searched for “{topic}” as asked. The sandbox has no web: all that was found is your question.",
)
